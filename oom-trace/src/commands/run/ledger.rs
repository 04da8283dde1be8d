//! What was seen, and what the kernel says it did: its counter is the truth.

use std::fs;

use crate::incident::model::{OomKill, Totals};

const VMSTAT: &str = "/proc/vmstat";

/// Counts kills on both sides.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The kernel's count at the start, less what the hooks had counted by then.
    kernel_start: Option<u64>,
    kills: u64,
    records: u64,
    malformed: u64,
}

impl Ledger {
    /// Starts to count; `counted` is what the hooks, already in place, have counted.
    pub(super) fn open(counted: u64) -> Self {
        let kernel_start = oom_kill().map(|kills| kills.saturating_sub(counted));
        Self { kernel_start, kills: 0, records: 0, malformed: 0 }
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

    pub(super) fn totals(
        &self,
        kernel_kills: Option<u64>,
        ring_lost: u64,
        sink_lost: u64,
    ) -> Totals {
        let &Self { kernel_start: _, kills, records, malformed } = self;
        Totals { kills, kernel_kills, records, ring_lost, malformed, sink_lost }
    }
}

fn oom_kill() -> Option<u64> {
    parse_oom_kill(&fs::read_to_string(VMSTAT).ok()?)
}

fn parse_oom_kill(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_oom_kill;

    #[test]
    fn the_counter_is_found_by_its_whole_name() {
        assert_eq!(parse_oom_kill("oom_kill_x 3\noom_kill 12\n"), Some(12));
        assert_eq!(parse_oom_kill("pgfault 1\n"), None);
    }
}
