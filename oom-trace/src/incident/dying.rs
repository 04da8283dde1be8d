//! Victims whose memory is not back yet.

use super::assemble::Victim;
use super::record::{COMM_LEN, Freed, victim_field};

/// How long a victim may take before it is told of, in nanoseconds.
pub const STUCK_AFTER_NS: u64 = 10_000_000_000;

/// A victim whose memory is not back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dying {
    /// Its incident.
    pub incident: u64,
    /// The hook that saw its mark: one of `record::source`.
    pub source: u32,
    /// `CLOCK_BOOTTIME` of its mark, in nanoseconds.
    pub marked_ns: u64,
    /// Process id.
    pub pid: u32,
    /// The thread that was marked.
    pub tid: u32,
    /// `task_struct.comm`
    pub comm: [u8; COMM_LEN],
    told: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Deathbed {
    dying: Vec<Dying>,
}

impl Deathbed {
    /// Takes a victim; one that is known, or of which only the thread id is, is passed over.
    pub fn mark(&mut self, victim: &Victim) {
        let mark = &victim.mark;
        let known = self.dying.iter().any(|dying| dying.tid == mark.tid);
        if known || mark.header.present & victim_field::PID == 0 {
            return;
        }
        self.dying.push(Dying {
            incident: mark.header.incident,
            source: mark.header.source,
            marked_ns: mark.header.boot_ns,
            pid: mark.pid,
            tid: mark.tid,
            comm: mark.comm,
            told: false,
        });
    }

    /// Its memory is back.
    pub fn freed(&mut self, freed: &Freed) {
        self.dying.retain(|dying| dying.tid != freed.tid);
    }

    /// When the next of them will have taken too long, on `CLOCK_BOOTTIME` in nanoseconds.
    #[must_use]
    pub fn next_stuck_ns(&self) -> Option<u64> {
        let waiting = self.dying.iter().filter(|dying| !dying.told);
        waiting.map(|dying| dying.marked_ns.saturating_add(STUCK_AFTER_NS)).min()
    }

    /// Those that have taken too long by now, each once.
    pub fn stuck(&mut self, now_ns: u64) -> Vec<Dying> {
        let late = |dying: &&mut Dying| {
            !dying.told && now_ns >= dying.marked_ns.saturating_add(STUCK_AFTER_NS)
        };
        let late = self.dying.iter_mut().filter(late);
        late.map(|dying| {
            dying.told = true;
            *dying
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros as _;

    use super::super::record;
    use super::*;

    fn victim(tid: u32, marked_ns: u64) -> Victim {
        let mut mark = record::Victim::new_zeroed();
        (mark.pid, mark.tid, mark.header.boot_ns) = (tid, tid, marked_ns);
        mark.header.present = victim_field::PID;
        let (again, sharers) = (Vec::new(), Vec::new());
        Victim { mark: Box::new(mark), cgroup: None, again, sharers, command: None }
    }

    #[test]
    fn a_victim_is_told_of_once_when_it_has_taken_too_long() {
        let mut dying = Deathbed::default();
        dying.mark(&victim(7, 100));
        dying.mark(&victim(8, 200));
        let mut freed = Freed::new_zeroed();
        freed.tid = 8;
        dying.freed(&freed);
        assert_eq!(dying.next_stuck_ns(), Some(100 + STUCK_AFTER_NS));
        assert!(dying.stuck(99 + STUCK_AFTER_NS).is_empty());
        let told: Vec<_> = dying.stuck(100 + STUCK_AFTER_NS).iter().map(|it| it.tid).collect();
        assert_eq!(told, [7]);
        assert!(dying.stuck(u64::MAX).is_empty());
        assert_eq!(dying.next_stuck_ns(), None);
    }
}
