//! `oom-trace top`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::setting::Interval;
use crate::sink::PathPattern;

/// What to watch, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Shows the memory cgroups nearest to their limit, the processes that the kernel would kill next (on the whole \
machine, or in the selected cgroup after Enter), and OOM kills as they happen. It needs no agent: if there is no store, it \
takes kills from the kernel's log. F1 explains keys and columns.

Exit status: 0 for success, 1 for failure, for example because no cgroup matches --cgroup; 2 for wrong usage.

Examples:
  oom-trace top                                   watch this machine; q quits
  oom-trace top --cgroup '/system.slice/*'        only services
  oom-trace top --tree --sort growth              as a tree, fastest growth first
  oom-trace top --once --cgroup /app.slice        as text, with the next victims in that cgroup
  oom-trace top --once --interval 30 >> top.log   growth over half a minute, appended to a file")]
pub struct TopArgs {
    /// Print everything once as text, and exit after one --interval: growth is measured between two readings
    #[arg(long, visible_alias = "batch")]
    pub once: bool,
    /// Seconds between updates
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "2")]
    pub interval: Interval,
    /// Show only these cgroups, such as '/system.slice/*', or /system.slice and all below it; repeatable. With a
    /// single cgroup, the next victims shown are those in it
    #[arg(long, value_name = "GLOB")]
    pub cgroup: Vec<PathPattern>,
    /// Show cgroups as a tree, not a list
    #[arg(short, long)]
    pub tree: bool,
    /// What to sort cgroups by
    #[arg(long, value_enum, default_value_t = SortKey::Limit)]
    pub sort: SortKey,
    /// Show kills from this store [default: the running agent's, else the service's, else the kernel's log]
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    pub store: Option<PathBuf>,
    /// Show kills from the running kernel's log, even if there is a store
    #[arg(long)]
    pub log: bool,
    /// Show times in UTC (the default is local time on a terminal, else UTC)
    #[arg(long)]
    pub utc: bool,
}

/// By what cgroups are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    /// How full the limit is
    Limit,
    /// Time until the limit is reached
    Time,
    /// How fast usage grows
    Growth,
    /// Memory used
    Used,
    /// Memory pressure: how long some tasks waited for memory
    Pressure,
    /// Number of OOM kills
    Kills,
    /// Path
    Name,
}
