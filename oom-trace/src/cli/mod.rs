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
/// Without a command, it hooks the kernel's OOM killer and prints a record for each victim until Ctrl-C
/// or SIGTERM. SIGHUP reopens files and reloads the configuration.
#[derive(Debug, Parser)]
#[command(name = "oom-trace", version = version::VERSION.as_str(), args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Exit status: 0 for success, 1 for failure, 2 for wrong usage or an error in the configuration. `verify` has others: \
see its help.

Examples:
  oom-trace                                   a block for each victim, until Ctrl-C
  oom-trace --demo                            cause one kill, show its record, and exit
  oom-trace --format json --output /tmp/oom   JSON on the terminal and in a file
  oom-trace check                             whether the agent can run here
  oom-trace history --since yesterday         what was killed
  oom-trace history 4711                      why process 4711 was killed, and whose limit it was
  oom-trace verify --since 2h --comm java     was it the OOM killer at all?")]
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
    /// Run the agent: hook the OOM killer and report each victim (the default)
    #[command(after_help = "\
Exit status: 0 after Ctrl-C or SIGTERM, or with --demo if the record of the kill was delivered; 1 for failure, for \
example because another agent is running; 2 for wrong usage or an error in the configuration.

Examples:
  oom-trace run                                       a block for each victim
  oom-trace run --verbose --store records.db          everything known about each, and keep it
  oom-trace run --config /etc/oom-trace/config.toml   as the service does
  oom-trace run --filter '{ scope = [\"memcg\"] }'     only kills at a cgroup's limit
  oom-trace run --quiet --sink 'syslog:{ url = \"tcp://log:601\" }'")]
    Run(Box<RunArgs>),
    /// Check whether the agent can run here, and what its records will lack
    Check(CheckArgs),
    /// List past kills or show one in full, from the store, the kernel's log or saved logs
    History(HistoryArgs),
    /// Show each kill in a saved log in full, from any Linux since 2.6.32 and any logger
    Explain(ExplainArgs),
    /// Sum up past kills: how often, what recurs, what to do first; as text or an HTML page
    Report(ReportArgs),
    /// Say whether there was an OOM kill, and whether a "no" can be trusted
    Verify(VerifyArgs),
    /// Watch which limits fill up, who would be killed next, and kills as they happen
    Top(TopArgs),
    /// Cause a real OOM kill as a test, by default of a throwaway child in a throwaway cgroup
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
