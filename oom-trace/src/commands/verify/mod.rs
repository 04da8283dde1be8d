//! `oom-trace verify`: whether there was an OOM kill, and whether a "no" can be trusted.

mod answer;
mod counter;
mod evidence;
mod ledger;
mod question;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;

use self::answer::{Answer, CANNOT_SAY};
use self::evidence::{Evidence, Now};
use self::question::Question;
use crate::cli::VerifyArgs;
use crate::config::service_store;
use crate::render::show_local_times;
use crate::say::say;

/// A kill that the kernel counted just now is recorded within seconds, or never.
const TRIES: u32 = 8;
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Answers, by its exit status as well. What goes wrong is no answer: it must not look like one.
///
/// # Errors
/// None: that nothing can be read is said, and is the answer of nobody knowing.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    if !args.utc && io::stdout().is_terminal() {
        show_local_times();
    }
    Ok(answer(args).unwrap_or_else(|error| {
        say(format_args!("cannot say: {error:#}"));
        ExitCode::from(CANNOT_SAY)
    }))
}

fn answer(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let question = Question::new(args, Timestamp::now())?;
    let mut tries = 0;
    loop {
        let evidence = evidence(args, &question)?;
        let answer = Answer::new(&question, &evidence);
        tries += 1;
        if answer.may_be_on_its_way() && tries < TRIES {
            thread::sleep(TRY_AGAIN);
            continue;
        }
        let mut text = Vec::new();
        match args.json {
            true => answer.json(&mut text)?,
            false => answer.text(&mut text)?,
        }
        // Whoever closed it has the exit status still.
        let _ = io::stdout().write_all(&text);
        return Ok(answer.verdict.status());
    }
}

fn evidence(args: &VerifyArgs, question: &Question) -> anyhow::Result<Evidence> {
    let now = Now::here()?;
    let own = service_store();
    match &args.store {
        Some(store) if !store.exists() => bail!("there is no store {}", store.display()),
        Some(store) => Evidence::of_store(store, *store == own, &now, question),
        None if own.exists() => Evidence::of_store(&own, true, &now, question),
        None => Evidence::of_log(&now, question),
    }
}
