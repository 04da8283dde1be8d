//! What the benchmark sends home of its table: numbers alone. What they are held against is in the
//! host's `bench/rows.rs`.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// The file in [`crate::job::OUT_DIR`] that has a list of [`Series`], as JSON.
pub const FILE: &str = "measures.json";

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// From `execve` until the tool's hook is in the kernel and it says so; ns.
    Start,
    /// From SIGINT until the tool has been waited for; ns.
    Stop,
    /// `Pss` of `/proc/PID/smaps_rollup`; bytes.
    Pss,
    /// `Anonymous` of the same; bytes.
    Anonymous,
    /// `VmHWM` of `/proc/PID/status`; bytes.
    PeakRss,
    /// `memlock` in the kernel's account of each loaded eBPF program and map; bytes.
    Bpf,
    /// What of that is ring buffers; bytes.
    Ring,
    /// `run_time_ns` of all programs for one kill; ns.
    BpfTime,
    /// From the kernel's entry into `oom_kill_process` until the victim's line is read; ns.
    LinePipe,
    /// The same on a terminal; ns.
    LineTerminal,
    /// `out_of_memory` among 10 tasks that the kernel lists, as a multiple of without the tool.
    DecisionFew,
    /// The same among 1,000 that it does not list.
    DecisionMany,
    /// `verified_insns` of all programs.
    Verified,
    /// The executable file; bytes.
    Binary,
    /// Context switches of an idle tool in one round.
    WakeUps,
    /// Victims of a cgroup killed whole for which there came no line.
    GroupMissed,
    /// Kills without a line when many came at once.
    StormMissed,
    /// All of a saved log; ns.
    LogTime,
    /// `VmHWM` after a saved log; bytes.
    LogPeak,
    /// The same, as a multiple of after a log a quarter as long.
    LogGrowth,
    /// All of 1 GiB of syslog with few kills in it; ns.
    SyslogTime,
    /// `VmHWM` after it; bytes.
    SyslogPeak,
    /// A page of 10,000 incidents; ns.
    PageTime,
    /// Its size; bytes.
    PageBytes,
    /// `ru_maxrss` of making it; bytes.
    PagePeak,
    /// From asking a browser for it until it is laid out and painted; ns.
    PageLoaded,
    /// The list of a store of 1,000,000 records; ns.
    HistoryTime,
    /// `ru_maxrss` of it; bytes.
    HistoryPeak,
    /// The newest twenty kills of the same; ns.
    NewestTime,
    /// `ru_maxrss` of it; bytes.
    NewestPeak,
    /// The live view over 500 cgroups; hundredths of one processor.
    TopLoad,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// oom-trace, the agent or its command `explain`.
    OomTrace,
    /// `oomkill` of libbpf-tools.
    Libbpf,
    /// `oomkill.bt`.
    Bpftrace,
    /// `grep -c`.
    Grep,
    /// `oom-analyze` of the crate linux-oom-parser.
    OomAnalyze,
    /// `json.loads` of each line, in Python.
    Python,
    /// `sqlite3`, which reads each record.
    Sqlite,
    /// A browser with an empty page.
    EmptyPage,
}

/// One subject's values of one row, a round each. The rounds of subjects alternate, so that those with the
/// same number saw the same machine. Without a value there is no such thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The row.
    pub of: Quantity,
    /// The column.
    pub subject: Subject,
    /// In the unit of the row.
    pub rounds: Vec<f64>,
}

/// Values as they come, by row and column.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Sheet(pub Vec<Series>);

impl Sheet {
    /// Adds a value of one more round.
    pub fn note(&mut self, of: Quantity, subject: Subject, value: f64) {
        let is_it = |series: &&mut Series| series.of == of && series.subject == subject;
        match self.0.iter_mut().find(is_it) {
            Some(series) => series.rounds.push(value),
            None => self.0.push(Series { of, subject, rounds: vec![value] }),
        }
    }
}

/// A line for each row and column, in the row's unit.
impl Display for Sheet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut all = self.0.iter();
        all.try_for_each(|Series { of, subject, rounds }| {
            writeln!(f, "{of:?} {subject:?}: {rounds:?}")
        })
    }
}

/// The middle one of some values, or the greater of two.
#[must_use]
pub fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    values.get(values.len() / 2).copied()
}
