//! The command line, as typed: one command's flags a file.

mod check;
mod history;
mod report;
mod run;
mod select;
mod top;
mod trigger;
mod verify;
mod version;
mod when;

use clap::{Parser, Subcommand};

pub use check::CheckArgs;
pub use history::{ExplainArgs, HistoryArgs, ListArgs, ShowArgs};
pub use report::ReportArgs;
pub use run::{RunArgs, StoreArgs};
pub use select::{SelectArgs, SourceArgs, SpanArgs, SpanError};
pub use top::{SortKey, TopArgs};
pub use trigger::{Case, TriggerArgs, Use, VICTIM_COMMAND, VictimArgs};
pub use verify::VerifyArgs;
pub use when::{When, WhenError};

/// Trace OOM kills: what was killed, why, and which limit was hit.
///
/// Without a command it runs: it hooks the kernel's OOM killer and prints a record for each victim
/// until Ctrl-C or SIGTERM. SIGHUP reopens files and reloads the configuration.
#[derive(Debug, Parser)]
#[command(name = "oom-trace", version = version::VERSION.as_str(), args_conflicts_with_subcommands = true)]
#[command(after_help = "Exit status: 0 success, 1 failure, 2 wrong usage.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Hook the OOM killer and report each victim (the default)
    Run(Box<RunArgs>),
    /// Check what this machine offers: hooks, fields, permissions
    Check(CheckArgs),
    /// Print past kills, from the store, the kernel's log or saved logs
    History(HistoryArgs),
    /// Show the kills in a saved log, whatever kernel and logger it is from
    Explain(ExplainArgs),
    /// Sum up past kills: how often, what recurs, what to do first; on a page with --html
    Report(ReportArgs),
    /// Say whether there was an OOM kill, and whether a "no" can be trusted
    Verify(VerifyArgs),
    /// Watch limits fill up, who would die next, and kills as they come
    Top(TopArgs),
    /// Cause one OOM kill of a throwaway child in a throwaway cgroup
    Trigger(TriggerArgs),
    /// The child of `trigger`.
    #[command(name = VICTIM_COMMAND, hide = true)]
    TriggerVictim(VictimArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::render::Format;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_is_the_default() {
        let cli = Cli::try_parse_from(["oom-trace", "--format", "json", "--output", "/x"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.run.format, Some(Format::Json));
        let cli = Cli::try_parse_from(["oom-trace", "run", "--demo"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Run(args)) if args.demo));
    }

    #[test]
    fn a_bad_pattern_is_wrong_usage() {
        let error = Cli::try_parse_from(["oom-trace", "--redact", "a(b"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("'--redact <REGEX>': regex parse error"), "{error}");
        let error = Cli::try_parse_from(["oom-trace", "--candidates", "17"]).unwrap_err();
        assert!(error.to_string().contains("a whole number from 0 to 16"), "{error}");
    }
}
