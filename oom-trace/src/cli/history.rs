//! `oom-trace history` and `oom-trace explain`.

use std::path::PathBuf;

use clap::Args;

use super::SelectArgs;
use crate::render::{Color, Format};

/// Which kills to show, and how.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Saved logs (dmesg, journalctl, syslog or /dev/kmsg; may be compressed), an agent's store, or its
    /// records as JSON Lines, of one machine or many; `-` is standard input [default: standard input if
    /// it is a pipe or a file, else the service's store, else the running kernel's log]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read the running kernel's log, even if there is a store
    #[arg(long, conflicts_with = "files")]
    pub log: bool,
    /// Which.
    #[command(flatten)]
    pub select: SelectArgs,
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
    /// Which kills.
    #[command(flatten)]
    pub select: SelectArgs,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// How kills are shown.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Output format on standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// When to use colours; NO_COLOR disables them for `auto`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    pub verbose: bool,
}
