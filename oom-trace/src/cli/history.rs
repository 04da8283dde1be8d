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
Kills are listed in a table, the newest last. FREED is the time from the kill until the memory was free, and NTH \
numbers the kills at the same limit (1st, 2nd, …). With --format each kill is printed in that format instead, with \
--verbose in full.

Exit status: 0 if everything could be read, even if there was no kill; 1 if not, or if an ID matches no kill \
or more than one; 2 for wrong usage.

Examples:
  oom-trace history --since yesterday             kills since yesterday
  oom-trace history -n 5 --unit nginx             the last five kills in nginx.service
  oom-trace history 4711                          all about the kill of process 4711
  oom-trace history 7c6e5a0c-350466               or the kill whose id or incident begins like this
  oom-trace history -f                            the last ten kills, then new ones as they happen
  oom-trace history web1.json web2.json.gz        kills of two machines, from their JSON Lines")]
pub struct HistoryArgs {
    /// ID: one kill to show in full, by the victim's process id, or the beginning of the kill's id or
    /// incident. FILE: what to read: saved logs (dmesg, journalctl, syslog or /dev/kmsg), an agent's store, or its records
    /// as JSON Lines, from one machine or many, compressed or not; `-` is standard input [default: standard
    /// input if a log is piped in, else the running agent's store, else the service's, else the running
    /// kernel's log]
    #[arg(value_name = "ID|FILE")]
    pub what: Vec<PathBuf>,
    /// Read this agent's store, as if it were given as FILE
    #[arg(long, value_name = "FILE", conflicts_with = "log", value_parser = a_store())]
    pub store: Option<PathBuf>,
    /// Read the running kernel's log, even if there is a store
    #[arg(long)]
    pub log: bool,
    /// Show the kill of this process in full, as if its process id were given as ID
    #[arg(long, value_name = "PID", value_parser = number::<u32>)]
    pub pid: Option<u32>,
    /// Which.
    #[command(flatten)]
    pub select: SelectArgs,
    /// In which order, and how many.
    #[command(flatten)]
    pub list: ListArgs,
    /// Show the last ten kills (or -n), then new ones as they happen, until Ctrl-C
    #[arg(short, long, conflicts_with = "reverse")]
    pub follow: bool,
    /// How to show them.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Which logs to explain, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if everything could be read and understood, even if there was no kill; 1 if not, for example \
because a line mentions a kill and the rest of its messages is missing; 2 for wrong usage.

Examples:
  dmesg | oom-trace explain                     from a pipe
  oom-trace explain dmesg.txt                   one log
  oom-trace explain /var/log/kern.log*          several, compressed or not
  oom-trace explain --format json kern.log.gz   as JSON Lines
  kubectl get pod web-7d9c -o yaml | oom-trace explain   what Kubernetes says of a pod")]
pub struct ExplainArgs {
    /// Saved logs of Linux 2.6.32 or later, as any logger keeps them, or what `kubectl` prints of a pod;
    /// compressed or not; `-` is standard input, the default
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
    /// Show only the newest N kills
    #[arg(short = 'n', long = "lines", value_name = "N", value_parser = number::<usize>)]
    pub most: Option<usize>,
    /// Show the newest first
    #[arg(short, long)]
    pub reverse: bool,
    /// Print a table even where full records are the default: with --verbose, or with --type agent (what the
    /// agent says of itself) or oom_exit (when a victim's memory was freed)
    #[arg(long, conflicts_with = "format")]
    pub table: bool,
    /// Print directly, without a pager ($PAGER or less)
    #[arg(long)]
    pub no_pager: bool,
}

/// How kills are shown.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Print each kill in this format [default: text; for a list, `history` prints a table]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// When to use colours; NO_COLOR disables them for `auto`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    pub verbose: bool,
}
