//! `oom-trace top`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::setting::Interval;
use crate::sink::PathPattern;

/// What to watch, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Shows the memory cgroups nearest to their limit, whom the kernel would kill next (for the machine, and
with Enter for one cgroup), and OOM kills as they come. It needs no agent: kills come from the store of
the one that runs, or without one from the kernel's log. F1 explains keys and columns.

Examples:
  oom-trace top                                   watch this machine; q quits
  oom-trace top --cgroup '/system.slice/*'        only services
  oom-trace top --tree --sort growth              the tree, where memory grows fastest first
  oom-trace top --once --cgroup /app.slice        as text, with whom that cgroup would kill
  oom-trace top --once --interval 30 >> top.log   growth over half a minute, to a file")]
pub struct TopArgs {
    /// Print it once as text, after one interval, as growth takes two looks to see
    #[arg(long, visible_alias = "batch")]
    pub once: bool,
    /// Seconds between two looks
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "2")]
    pub interval: Interval,
    /// Only these cgroups, such as '/system.slice/*', or /system.slice and all below it; repeatable. A single one is
    /// also the one whose next victims are shown
    #[arg(long, value_name = "GLOB")]
    pub cgroup: Vec<PathPattern>,
    /// Show the tree of cgroups, not a list
    #[arg(short, long)]
    pub tree: bool,
    /// Which cgroups come first
    #[arg(long, value_enum, default_value_t = SortKey::Limit)]
    pub sort: SortKey,
    /// Show the kills of this agent's store
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    pub store: Option<PathBuf>,
    /// Show the kills of the running kernel's log, even if there is a store
    #[arg(long)]
    pub log: bool,
    /// Show times in UTC (the default is local time on a terminal, else UTC)
    #[arg(long)]
    pub utc: bool,
}

/// By what cgroups are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    /// How much of the limit is held.
    Limit,
    /// How soon the limit is full.
    Time,
    /// How fast it grows.
    Growth,
    /// What is used.
    Used,
    /// Pressure: how long some tasks waited for memory.
    Pressure,
    /// OOM kills.
    Kills,
    /// The path.
    Name,
}
