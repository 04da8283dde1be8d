//! `oom-trace history` and `oom-trace explain`.

use std::path::PathBuf;

use clap::Args;

use super::SelectArgs;
use super::select::a_store;
use crate::render::{Color, Format};
use crate::setting::number;

/// Which kills to show, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Kills are listed as a table, the newest last: when, who, where, the limit and whose it was, resident memory,
who triggered it if another process did, how long until the memory was freed, and which recorded kill at
this limit it was. With --format or --verbose each is printed in full.

Examples:
  oom-trace history --since yesterday             what died since then
  oom-trace history -n 5 --unit nginx             the last five kills in nginx.service
  oom-trace history 4711                          everything known about the kill of process 4711
  oom-trace history 7c6e5a0c-350466               or of the kill whose id or incident begins so
  oom-trace history -f                            the last ten, and those to come
  oom-trace history --format json web1.json web2.json.gz /var/log/kern.log")]
pub struct HistoryArgs {
    /// A kill to show in full: its process id, or the beginning of its id or incident. Or files to read:
    /// saved logs (dmesg, journalctl, syslog or /dev/kmsg), an agent's store, or its records as JSON Lines,
    /// of one machine or many; may be compressed; `-` is standard input [default: standard input if a log
    /// is there, else the service's store, else the running kernel's log]
    #[arg(value_name = "ID|FILE")]
    pub what: Vec<PathBuf>,
    /// Read this agent's store, as if it were named as a FILE
    #[arg(long, value_name = "FILE", conflicts_with = "log", value_parser = a_store())]
    pub store: Option<PathBuf>,
    /// Read the running kernel's log, even if there is a store
    #[arg(long)]
    pub log: bool,
    /// Show the kill of this process in full, as its process id alone does
    #[arg(long, value_name = "PID", value_parser = number::<u32>)]
    pub pid: Option<u32>,
    /// Which.
    #[command(flatten)]
    pub select: SelectArgs,
    /// In which order, and how many.
    #[command(flatten)]
    pub list: ListArgs,
    /// Then wait for new kills and show them, until Ctrl-C
    #[arg(short, long, conflicts_with = "reverse")]
    pub follow: bool,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Which logs to explain, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 each kill by the kernel that the logs speak of is shown, if there is any; 1 not each, or a file
cannot be read; 2 wrong usage.

Examples:
  dmesg | oom-trace explain
  oom-trace explain /var/log/kern.log*
  kubectl get pod web-7d9c -o yaml | oom-trace explain")]
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

/// In which order kills are shown, and how many.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ListArgs {
    /// Only the newest N kills
    #[arg(short = 'n', long = "lines", value_name = "N", value_parser = number::<usize>)]
    pub most: Option<usize>,
    /// The newest first
    #[arg(short, long)]
    pub reverse: bool,
    /// Print a table also of what the agent said (--type agent) and of ends (--type oom_exit)
    #[arg(long, conflicts_with = "format")]
    pub table: bool,
    /// Do not show the output in a pager ($PAGER, else less)
    #[arg(long)]
    pub no_pager: bool,
}

/// How kills are shown.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Output format on standard output [default: text]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// When to use colours; NO_COLOR disables them for `auto`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    pub verbose: bool,
}
