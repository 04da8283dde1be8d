//! Which records a command reads: from where, of when, and which of them. The same for all commands
//! that read records.

use std::path::PathBuf;

use clap::Args;

use super::When;
use crate::sink::Filter;

/// Where records are read from.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// Saved logs (dmesg, journalctl, syslog or /dev/kmsg), an agent's stores, or its records as JSON Lines,
    /// of one machine or many; may be compressed; `-` is standard input [default: standard input if it is
    /// a pipe or a file, else the service's store, else the running kernel's log]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read the running kernel's log, even if there is a store
    #[arg(long, conflicts_with = "files")]
    pub log: bool,
}

/// Which of the records.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectArgs {
    /// Of when.
    #[command(flatten)]
    pub span: SpanArgs,
    /// Which.
    #[command(flatten)]
    pub filter: Filter,
}

/// A span of time.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SpanArgs {
    /// Only from this time on: 2026-11-25, "2026-11-25 22:30", 22:30 (the last time it was), today,
    /// "yesterday 22:30", "2 hours ago", 2h or RFC 3339
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<When>,
    /// Only until this time, written likewise
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<When>,
    /// Show times in UTC (the default is local time on a terminal, else UTC), and read times without a
    /// zone as UTC
    #[arg(long)]
    pub utc: bool,
}
