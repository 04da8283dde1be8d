//! The rows of the tables, what they are held against, and their goals.

use xtask::measure::Quantity::{self, *};
use xtask::measure::Subject::{self, *};

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) of: Quantity,
    /// How it is found in the committed page: no two have the same.
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) held: Held,
    /// The most that is wanted of what is held.
    pub(super) goal: Option<f64>,
}

/// What of a row is the same on another machine: it has a goal, and is held against the committed page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Bytes, instructions, and what is a multiple already.
    Value,
    /// A time, as a multiple of another's in the same run.
    RatioTo(Subject),
}

/// How values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Of nanoseconds.
    Millis,
    /// Of bytes.
    Mib,
    /// Of bytes.
    Kib,
    Count,
    Times,
    /// Of one processor, in hundredths.
    Percent,
}

impl Unit {
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Millis => format!("{:.2} ms", value / 1e6),
            Self::Mib => format!("{:.2} MiB", value / f64::from(1 << 20)),
            Self::Kib => format!("{:.0} KiB", value / f64::from(1 << 10)),
            Self::Count => format!("{value:.0}"),
            Self::Times => format!("{value:.2}×"),
            Self::Percent => format!("{value:.2}%"),
        }
    }
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

const fn value(of: Quantity, name: &'static str, unit: Unit, goal: Option<f64>) -> Row {
    Row { of, name, unit, held: Held::Value, goal }
}

const fn time(of: Quantity, name: &'static str, to: Subject, goal: Option<f64>) -> Row {
    Row { of, name, unit: Unit::Millis, held: Held::RatioTo(to), goal }
}

/// Tools that report OOM kills, as a machine runs them.
pub(super) const TOOLS: &[Row] = &[
    time(Start, "start to attached", Libbpf, Some(1.0)),
    time(Stop, "SIGINT to gone", Libbpf, None),
    value(Pss, "memory, idle: PSS", Unit::Mib, Some(4.2 * MIB)),
    value(Anonymous, "of that, anonymous", Unit::Mib, Some(MIB)),
    value(PeakRss, "memory, peak RSS", Unit::Mib, Some(11.6 * MIB)),
    value(Bpf, "memory of programs and maps", Unit::Kib, Some(1400.0 * KIB)),
    value(Ring, "of that, ring buffers", Unit::Kib, None),
    // 0.4 ms; the C tool takes 0.17 ms.
    time(BpfTime, "eBPF time per kill", Libbpf, Some(2.35)),
    // The C tool writes nothing to a pipe before it ends.
    time(LinePipe, "hook to line, pipe", Bpftrace, Some(1.0)),
    time(LineTerminal, "hook to line, terminal", Libbpf, Some(1.0)),
    value(DecisionFew, "decision, 10 tasks, listed", Unit::Times, Some(1.25)),
    value(DecisionMany, "decision, 1000 tasks, not listed", Unit::Times, Some(1.5)),
    value(Verified, "verified instructions", Unit::Count, Some(30_000.0)),
    value(Binary, "binary", Unit::Mib, Some(7.0 * MIB)),
    value(WakeUps, "wake-ups in 2 s idle", Unit::Count, Some(0.0)),
    value(GroupMissed, "missed of a group of 5", Unit::Count, Some(0.0)),
    value(StormMissed, "missed of a storm of 200", Unit::Count, Some(0.0)),
];

/// What tells of kills in a saved log.
pub(super) const LOG: &[Row] = &[
    time(LogTime, "all of the log", Grep, None),
    value(LogPeak, "memory, peak RSS, for the log", Unit::Mib, None),
    // More memory for more of the log would be a log that does not fit.
    value(LogGrowth, "the same, to that for a quarter", Unit::Times, Some(1.1)),
    time(SyslogTime, "1 GiB of syslog", Grep, Some(5.0)),
    value(SyslogPeak, "memory, peak RSS, for the syslog", Unit::Mib, Some(32.0 * MIB)),
];

/// What reads what was kept.
pub(super) const KEPT: &[Row] = &[
    time(PageTime, "page of 10,000 incidents", Python, None),
    value(PageBytes, "its size", Unit::Mib, None),
    value(PagePeak, "memory, peak RSS, for the page", Unit::Mib, None),
    time(PageLoaded, "page loaded in Chromium", EmptyPage, None),
    time(HistoryTime, "list of 1,000,000 records", Sqlite, None),
    value(HistoryPeak, "memory, peak RSS, for the list", Unit::Mib, None),
    time(NewestTime, "the newest 20 kills of them", Sqlite, None),
    value(NewestPeak, "memory, peak RSS, for the newest", Unit::Mib, None),
    value(TopLoad, "top over 500 cgroups, of a processor", Unit::Percent, Some(1.0)),
];

/// The columns beside ours.
pub(super) const OTHER_TOOLS: &[(Subject, &str)] =
    &[(Libbpf, "oomkill of libbpf-tools, in C"), (Bpftrace, "oomkill.bt of bpftrace")];
pub(super) const OTHER_READERS: &[(Subject, &str)] =
    &[(Grep, "grep -c 'Killed process'"), (OomAnalyze, "oom-analyze of linux-oom-parser")];

pub(super) const OTHER_LOOKS: &[(Subject, &str)] = &[
    (Python, "json.loads of Python"),
    (Sqlite, "sqlite3, each record read"),
    (EmptyPage, "an empty page in Chromium"),
];

/// All rows that the committed page has.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    TOOLS.iter().chain(LOG).chain(KEPT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_row_is_known_by_its_name() {
        let names: BTreeSet<_> = all().map(|row| row.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
