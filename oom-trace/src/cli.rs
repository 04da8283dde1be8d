//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use serde::Deserialize;

use crate::commands::history::{ExplainArgs, HistoryArgs};
use crate::commands::trigger::{TriggerArgs, VICTIM_COMMAND, VictimArgs};
use crate::enrich::command::Pattern;
use crate::render::Format;
use crate::setting::{ByteSize, ConfigDuration, inline_table};
use crate::sink::{FileConfig, Filter, Spec};

/// Trace OOM kills: what was killed, why, and which limit was hit.
///
/// Without a command it runs: it hooks the kernel's OOM killer and prints a record for each victim
/// until Ctrl-C or SIGTERM. SIGHUP reopens files and reloads the configuration.
#[derive(Debug, Parser)]
#[command(name = "oom-trace", version, args_conflicts_with_subcommands = true)]
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
    /// Tell of the kills in a saved log, of any kernel and any logger
    Explain(ExplainArgs),
    /// Cause one OOM kill of a throwaway child in a throwaway cgroup
    Trigger(TriggerArgs),
    /// The child of `trigger`.
    #[command(name = VICTIM_COMMAND, hide = true)]
    TriggerVictim(VictimArgs),
}

/// As many as the eBPF program keeps.
pub(crate) const MOST_CANDIDATES: i64 = 16;

/// How to run.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Configuration file (TOML, see docs/delivery.md); flags override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Output format on standard output [default: text]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write no records to standard output
    #[arg(long)]
    pub quiet: bool,
    /// Only print kills that match, such as '{ scope = ["memcg"], comm = ["java*"] }'
    #[arg(long, value_name = "TABLE", value_parser = inline_table::<Filter>)]
    pub filter: Option<Filter>,
    /// Also append records to a file, as JSON unless a format is given; repeatable
    #[arg(long = "output", value_name = "[FORMAT:]FILE")]
    pub outputs: Vec<FileConfig>,
    /// Also send records to a sink, such as 'syslog:{ url = "tcp://log:601" }' (see docs/delivery.md);
    /// repeatable
    #[arg(long = "sink", value_name = "KIND[:TABLE]")]
    pub sinks: Vec<Spec>,
    /// Where records are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Do not record victims' command-line arguments
    #[arg(long)]
    pub no_cmdline: bool,
    /// Redact matches of REGEX (or only its group `secret`) in arguments; repeatable
    #[arg(long, value_name = "REGEX")]
    pub redact: Vec<Pattern>,
    /// Disable the built-in redaction of passwords, tokens and the like
    #[arg(long)]
    pub no_redact: bool,
    /// Number of candidate tasks to record, highest badness first [default: 10]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = value_parser!(u8).range(..=MOST_CANDIDATES))]
    pub candidates: Option<u8>,
    /// When to use colours; NO_COLOR disables them for `auto` [default: auto]
    #[arg(long, value_enum)]
    pub color: Option<Color>,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    pub verbose: bool,
    /// How to hook the kernel; `auto` uses the first method that works [default: auto]
    #[arg(long, value_enum)]
    pub attach: Option<Attach>,
    /// BTF of the running kernel, instead of /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
    /// Cause one kill as `trigger` does, print its record and exit
    #[arg(long)]
    pub demo: bool,
    /// Print the eBPF program's own diagnostics to standard error
    #[arg(long)]
    pub debug: bool,
}

impl RunArgs {
    /// All that the file says, and nothing else.
    #[must_use]
    pub fn of_file(config: PathBuf) -> Self {
        Self { config: Some(config), ..Self::default() }
    }
}

/// Where records are kept.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreArgs {
    /// Store every record in this file, and deliver from it after an outage [default:
    /// $STATE_DIRECTORY/records.db when run as a service]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Do not store records
    #[arg(long, conflicts_with = "store")]
    pub no_store: bool,
    /// Delete records older than this [default: 180d]
    #[arg(long, value_name = "DURATION")]
    pub store_max_age: Option<ConfigDuration>,
    /// Maximum size of the store; the oldest records go first [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub store_max_bytes: Option<ByteSize>,
}

/// What to say of this machine.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Also check this configuration file, and connect to each destination
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// As in `run` [default: auto]
    #[arg(long, value_enum)]
    pub attach: Option<Attach>,
    /// As in `run`
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to hook the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    /// The first of these that works.
    Auto,
    /// kprobes, with the tracepoint beneath.
    Kprobe,
    /// fentry and fexit programs, with the tracepoint beneath.
    Fentry,
    /// The raw tracepoint oom/mark_victim alone.
    Tracepoint,
    /// No hooks: the kernel's log.
    Log,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

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
        assert!(error.to_string().contains("17 is not in 0..=16"), "{error}");
    }
}
