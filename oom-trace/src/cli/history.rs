//! `oom-trace history` and `oom-trace explain`.

use std::path::PathBuf;

use clap::Args;

use super::Since;
use crate::render::{Color, Format};

/// Which kills to show, and how.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Saved logs, of dmesg, journalctl, syslog or /dev/kmsg, compressed or not, or an agent's store; `-`
    /// is standard input. Without one, standard input if it is a pipe or a file; else the service's
    /// store; without that, the running kernel's log
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read the running kernel's log, whatever else there is
    #[arg(long, conflicts_with = "files")]
    pub log: bool,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Which logs to explain, and how.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Saved logs, of any kernel from 2.6.32 on and of any program that keeps them, compressed or not;
    /// `-` is standard input, which is read if there is no other
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// How kills are shown.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// From this moment on, such as 2026-11-23T06:00:00, or so long ago, such as 2h
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
    /// Format of standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// When to colour standard output; NO_COLOR switches `auto` off
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    pub verbose: bool,
    /// Show and read times without a zone as UTC; on a terminal they are local otherwise
    #[arg(long)]
    pub utc: bool,
}
