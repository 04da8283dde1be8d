//! Where the parts are wired: from the command line to a command and its exit status.

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ContextKind;

use crate::cli::{Cli, Command, SpanError};
use crate::commands::{check, history, report, run, top, trigger, verify};
use crate::config::{ConfigError, USAGE};
use crate::say;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command, run } = Cli::try_parse().unwrap_or_else(|mut error| {
        // That an unknown flag may be a value helps nobody.
        error.remove(ContextKind::Suggested);
        error.exit()
    });
    // While there is a file to be opened: before Linux 6.4 the first to ask reads it from one, or panics.
    let _ = rustix::param::page_size();
    let result = match command.unwrap_or(Command::Run(Box::new(run))) {
        Command::Run(args) => run::run(*args),
        Command::Check(args) => check::run(args),
        Command::History(args) => history::run(&args),
        Command::Explain(args) => history::explain(&args),
        Command::Report(args) => report::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Trigger(args) => {
            trigger::run_and_print(&args).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::TriggerVictim(args) => {
            trigger::victim(&args).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
    };
    let status = result.unwrap_or_else(|error| {
        say::say(format_args!("{error:#}"));
        let is_usage = error.is::<ConfigError>() || error.is::<SpanError>();
        if is_usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
    });
    say::finish(say::LAST_WORDS);
    status
}
