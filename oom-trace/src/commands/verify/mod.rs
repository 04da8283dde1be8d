//! `oom-trace verify`: whether there was an OOM kill, and whether a "no" can be trusted.

mod answer;
mod counter;
mod evidence;
mod meant;
mod question;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use self::answer::{Answer, CANNOT_SAY};
use self::evidence::Evidence;
use self::question::Question;
use crate::cli::VerifyArgs;
use crate::commands::select::{instead_of, store_here, tell_of_agent};
use crate::files::is_other_than_store;
use crate::ledger::Now;
use crate::quote::Quoted;
use crate::render::{Color, Style, show_local_times, wrapped};
use crate::say::say;

/// A kill that the kernel counted just now is recorded within seconds, or never.
const TRIES: u32 = 8;
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Where a line goes on that is longer than the terminal is wide.
const INDENT: usize = 4;

/// Begins a command in an answer.
const TO_TYPE: &str = "oom-trace history ";

/// Answers, by its exit status as well. What goes wrong is no answer: it must not look like one.
///
/// # Errors
/// The question is none. That nothing can be read is said, and is the answer of nobody knowing.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    if !args.utc && io::stdout().is_terminal() {
        show_local_times();
    }
    let question = Question::new(args, Timestamp::now())?;
    Ok(answer(args, &question).unwrap_or_else(|error| {
        say(format_args!("cannot say: {error:#}"));
        ExitCode::from(CANNOT_SAY)
    }))
}

fn answer(args: &VerifyArgs, question: &Question) -> anyhow::Result<ExitCode> {
    let own = store_here();
    if args.named_store().is_none() {
        if let Err(denied) = &own {
            denied.tell();
        }
        tell_of_agent(own.as_ref().ok().and_then(Option::as_deref));
    }
    let own = own.ok().flatten();
    let mut tries = 1;
    let evidence = loop {
        let evidence = evidence(args, own.as_deref(), question)?;
        let may_change = Answer::new(question, &evidence).may_be_on_its_way();
        if !may_change || tries == TRIES {
            break evidence;
        }
        if tries == 1 {
            let most = (TRY_AGAIN * (TRIES - 1)).as_secs_f32().ceil();
            say(format_args!(
                "the kernel counted a kill that is not recorded yet: waiting up to {most} s for its record"
            ));
        }
        tries += 1;
        thread::sleep(TRY_AGAIN);
    };
    evidence.limits.iter().for_each(say);
    let answer = Answer::new(question, &evidence);
    let mut text = Vec::new();
    match args.json {
        true => answer.json(&mut text)?,
        false => answer.text(&mut text)?,
    }
    if !args.json && io::stdout().is_terminal() {
        text = fit(&String::from_utf8_lossy(&text)).into_bytes();
    }
    // Whoever closed it has the exit status still.
    let _ = io::stdout().write_all(&text);
    Ok(answer.verdict.status())
}

/// Wraps lines to the terminal; what is to be typed stays whole.
fn fit(text: &str) -> String {
    let width = Style::of_stdout(Color::Never, false).in_full_width().width;
    let fitting = |line: &str| match line.contains(TO_TYPE) {
        true => format!("{line}\n"),
        false => wrapped(line, INDENT, width) + "\n",
    };
    text.lines().map(fitting).collect()
}

fn evidence(
    args: &VerifyArgs,
    own: Option<&Path>,
    question: &Question,
) -> anyhow::Result<Evidence> {
    let now = Now::here().context("cannot read the boot id")?;
    match args.named_store() {
        Some(store) if matches!(store.try_exists(), Ok(false)) => {
            let instead = instead_of(store).map(|instead| format!("; {instead}"));
            bail!("there is no store {}{}", store.display(), instead.unwrap_or_default())
        }
        Some(store) if is_other_than_store(store) => bail!(
            "{} is not a store, and only a store has the kernel's count; for a saved log, try: \
             oom-trace history {}",
            store.display(),
            Quoted::from(store.as_path())
        ),
        Some(store) => Evidence::of_store(store, own == Some(store), &now, question),
        None => match own {
            Some(store) => Evidence::of_store(store, true, &now, question),
            None => Evidence::of_log(&now, question),
        },
    }
}
