//! `oom-trace report`.

use std::path::PathBuf;

use clap::Args;

use super::{SelectArgs, SourceArgs};
use crate::render::Color;
use crate::setting::number;

/// Which kills to sum up, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if everything could be read, even if there was no kill; 1 if not, or if the report could not be \
written; 2 for wrong usage.

Examples:
  oom-trace report                                   all kills on record here, as text
  oom-trace report --since 7d --html week.html       the last week, as one page to pass on
  oom-trace report --html kills.html dmesg.txt.gz    a saved log
  oom-trace report --html fleet.html *.jsonl         many machines, from their JSON Lines")]
pub struct ReportArgs {
    /// Where from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Write the report to this file as one self-contained HTML page; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// With --html: show the newest N incidents in full, and one line for each of the others
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = number::<usize>)]
    pub full: usize,
    /// When to use colours; NO_COLOR disables them for `auto`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}
