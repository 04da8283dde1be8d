//! What was seen, and what the kernel says it did: its counter is the truth.

use std::fs;

use crate::incident::model::{OomKill, Totals};

const VMSTAT: &str = "/proc/vmstat";

/// Counts kills on both sides.
///
/// The kernel counts a kill some microseconds before the hooks see it, so a difference may be a
/// kill on its way. It is a gap once it has lasted: it is compared when something happened, and
/// again when nothing has for a while.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The kernel's count at the start, less what the hooks had counted by then.
    kernel_start: Option<u64>,
    kills: u64,
    records: u64,
    malformed: u64,
    /// By how much the kernel was ahead when last compared, beyond what has been told; `None` once
    /// that is settled.
    ahead: Option<u64>,
    /// Kills that no hook saw and that have been told of.
    told: u64,
}

impl Ledger {
    /// Starts to count; `counted` is what the hooks, already in place, have counted.
    pub(super) fn open(counted: u64) -> Self {
        let kernel_start = oom_kill().map(|kills| kills.saturating_sub(counted));
        Self { kernel_start, kills: 0, records: 0, malformed: 0, ahead: None, told: 0 }
    }

    pub(super) fn record(&mut self, kill: &OomKill) {
        self.records += 1;
        self.kills += u64::from(kill.kill_count.unwrap_or(1));
    }

    pub(super) fn malformed(&mut self) {
        self.malformed += 1;
    }

    /// The rise of the kernel's count so far.
    pub(super) fn kernel_kills(&self) -> Option<u64> {
        Some(oom_kill()?.saturating_sub(self.kernel_start?))
    }

    /// Whether it remains to be compared again.
    pub(super) fn is_unsettled(&self) -> bool {
        self.ahead.is_some()
    }

    /// Compares the rise of the kernel's count, taken before the ring was drained, with what was
    /// seen.
    pub(super) fn compare(&mut self, kernel_kills: Option<u64>) {
        self.ahead = Some(self.unseen(kernel_kills));
    }

    /// Compares again, a while later. How many kills no hook saw that have not been told of: those
    /// by which the kernel was ahead both times.
    pub(super) fn settle(&mut self, kernel_kills: Option<u64>) -> Option<u64> {
        let unseen = self.unseen(kernel_kills);
        let gap = unseen.min(self.ahead.unwrap_or(0));
        self.told += gap;
        self.ahead = Some(unseen - gap).filter(|&new| new > 0);
        (gap > 0).then_some(gap)
    }

    fn unseen(&self, kernel_kills: Option<u64>) -> u64 {
        kernel_kills.unwrap_or(0).saturating_sub(self.kills + self.told)
    }

    /// The last comparison: nothing is on its way any more.
    pub(super) fn close(&mut self, kernel_kills: Option<u64>) -> Option<u64> {
        self.ahead = Some(u64::MAX);
        self.settle(kernel_kills)
    }

    pub(super) fn totals(
        &self,
        kernel_kills: Option<u64>,
        ring_lost: u64,
        sink_lost: u64,
    ) -> Totals {
        let &Self { kernel_start: _, kills, records, malformed, ahead: _, told: _ } = self;
        Totals { kills, kernel_kills, records, ring_lost, malformed, sink_lost }
    }
}

/// `/proc/vmstat` `oom_kill`: kills since the boot.
pub(super) fn oom_kill() -> Option<u64> {
    parse_oom_kill(&fs::read_to_string(VMSTAT).ok()?)
}

fn parse_oom_kill(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(kills: u64) -> Ledger {
        Ledger { kernel_start: Some(0), kills, records: 0, malformed: 0, ahead: None, told: 0 }
    }

    #[test]
    fn a_difference_is_a_gap_once_it_has_lasted_and_is_told_once() {
        let mut ledger = ledger(5);
        ledger.compare(Some(7));
        assert!(ledger.is_unsettled());
        assert_eq!(ledger.settle(Some(7)), Some(2));
        assert!(!ledger.is_unsettled());
        ledger.compare(Some(7));
        assert_eq!(ledger.settle(Some(7)), None);
        assert!(!ledger.is_unsettled());
        assert_eq!(ledger.close(Some(8)), Some(1));
    }

    #[test]
    fn a_kill_on_its_way_is_no_gap() {
        let mut ledger = ledger(5);
        ledger.compare(Some(6));
        ledger.kills = 7;
        assert_eq!(ledger.settle(Some(7)), None);
        ledger.compare(None);
        assert_eq!(ledger.settle(None), None);
    }

    #[test]
    fn what_comes_while_it_is_looked_at_is_looked_at_again() {
        let mut ledger = ledger(5);
        ledger.compare(Some(1));
        assert_eq!(ledger.settle(Some(6)), None);
        assert!(ledger.is_unsettled());
        assert_eq!(ledger.settle(Some(6)), Some(1));
        assert!(!ledger.is_unsettled());
    }

    #[test]
    fn the_counter_is_found_by_its_whole_name() {
        assert_eq!(parse_oom_kill("oom_kill_x 3\noom_kill 12\n"), Some(12));
        assert_eq!(parse_oom_kill("pgfault 1\n"), None);
    }
}
