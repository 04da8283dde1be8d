//! `oom-trace report`.

use std::path::PathBuf;

use clap::Args;

use super::{SelectArgs, SourceArgs};
use crate::render::Color;
use crate::setting::number;

/// Which kills to sum up, and how.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  oom-trace report                                   the kills kept here, on the terminal
  oom-trace report --since 7d --html week.html       the last week, as one page to hand on
  oom-trace report --html kills.html dmesg.txt.gz    the same of a saved log
  oom-trace report --html fleet.html *.jsonl         of many machines, from their JSON")]
pub struct ReportArgs {
    /// Where from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Write one page of HTML that needs nothing else; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// With --html: show the newest N incidents in full, the rest one line each
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = number::<usize>)]
    pub full: usize,
    /// When to use colours; NO_COLOR disables them for `auto`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}
