//! `oom-trace run`.

use std::path::PathBuf;

use clap::Args;

use crate::enrich::command::Pattern;
use crate::kernel::attach::{self, Attach, CandidatesError};
use crate::render::{Color, Format};
use crate::setting::{ByteSize, ConfigDuration, inline_table};
use crate::sink::{FileConfig, Filter, Spec};

/// How to run.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Read this configuration file (TOML, see docs/delivery.md); flags override it [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Format of records on standard output [default: text]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write no records to standard output
    #[arg(long)]
    pub quiet: bool,
    /// Print only kills that match, such as '{ scope = ["memcg"], comm = ["java*"] }'; --output and the store
    /// still get every kill, and a --sink has a filter of its own
    #[arg(long, value_name = "TABLE", value_parser = filter)]
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
    /// Do not look up container names in the container runtimes' files
    #[arg(long)]
    pub no_names: bool,
    /// Redact matches of REGEX (or only its group `secret`) in victims' arguments; repeatable
    #[arg(long, value_name = "REGEX")]
    pub redact: Vec<Pattern>,
    /// Disable the built-in redaction of passwords, tokens and the like
    #[arg(long)]
    pub no_redact: bool,
    /// How many candidate victims to record for each kill (0 to 16), highest badness first [default: 10]
    #[arg(long, value_name = "N", value_parser = candidates)]
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
    /// Read the running kernel's BTF from this file instead of /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
    /// Cause one real kill as `trigger` does, send its record to all outputs, and exit; uses no store, and may run
    /// beside an agent
    #[arg(long)]
    pub demo: bool,
    /// Print the eBPF program's own diagnostics to standard error
    #[arg(long)]
    pub debug: bool,
}

fn filter(text: &str) -> Result<Filter, String> {
    let example = "{ scope = [\"memcg\"], comm = [\"java*\"] }";
    inline_table(text).map_err(|error| format!("{error} (example: '{example}')"))
}

fn candidates(text: &str) -> Result<u8, CandidatesError> {
    attach::candidates(text.parse().map_err(|_| CandidatesError)?)
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
    /// Keep every record in this file, and resend from it when an output that was down is back [default:
    /// $STATE_DIRECTORY/records.db, which systemd sets for a service; else no store]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Do not keep records
    #[arg(long, conflicts_with = "store")]
    pub no_store: bool,
    /// Delete kept records that are older than this [default: 180d]
    #[arg(long, value_name = "DURATION")]
    pub store_max_age: Option<ConfigDuration>,
    /// Maximum size of the store. When it is full, the oldest records are deleted; if the kills of one unit or
    /// pod fill more than half of it, the oldest of those [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub store_max_bytes: Option<ByteSize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        assert_eq!(candidates("16"), Ok(16));
        for text in ["x", "17", "300", "-1", ""] {
            assert_eq!(
                candidates(text).unwrap_err().to_string(),
                "expected a whole number from 0 to 16",
                "{text}"
            );
        }
        for text in ["memcg", "scope=memcg", ""] {
            let error = filter(text).unwrap_err();
            assert!(error.starts_with("expected a table, in { } (example: '{ scope ="), "{error}");
        }
        assert!(filter("{ comm = [\"java*\"] }").is_ok());
    }
}
