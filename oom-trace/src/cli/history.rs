//! `oom-trace history` and `oom-trace explain`.

use std::path::PathBuf;

use clap::Args;

use super::Since;
use crate::render::{Color, Format};

/// Which kills to show, and how.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Saved logs (dmesg, journalctl, syslog or /dev/kmsg; may be compressed) or an agent's store; `-` is
    /// standard input [default: standard input if it is a pipe or a file, else the service's store, else
    /// the running kernel's log]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read the running kernel's log, even if there is a store
    #[arg(long, conflicts_with = "files")]
    pub log: bool,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Which logs to explain, and how.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Saved logs of Linux 2.6.32 or later, from any program that keeps logs; may be compressed. `-` is
    /// standard input, the default
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// How kills are shown.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Only show kills since a time, such as 2026-11-23T06:00:00, or of a period until now, such as 2h
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
    /// Output format on standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// When to use colours; NO_COLOR disables them for `auto`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    pub verbose: bool,
    /// Show times in UTC (the default is local time on a terminal, else UTC), and read --since as UTC
    /// unless it has a zone
    #[arg(long)]
    pub utc: bool,
}
