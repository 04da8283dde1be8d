//! Victims whose memory is not back yet.

use std::collections::VecDeque;

use super::assemble::Victim;
use crate::text::KernelText;
use crate::wire::{Freed, Source};

/// How long a victim may take before it is told of, in nanoseconds.
pub const STUCK_AFTER_NS: u64 = 10_000_000_000;

/// How many are remembered of whom a hook may speak once more.
const MOST_GONE: usize = 4096;

/// A victim whose memory is not back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dying {
    /// Its incident.
    pub incident: u64,
    /// The hook that saw its mark.
    pub source: Source,
    /// `CLOCK_BOOTTIME` of its mark, in nanoseconds.
    pub marked_ns: u64,
    /// Process id.
    pub pid: u32,
    /// The thread that was marked.
    pub tid: u32,
    /// `CLOCK_BOOTTIME` of the process' start, in nanoseconds; `None` if that could not be read.
    pub started_ns: Option<u64>,
    /// `task_struct.comm`
    pub comm: Option<KernelText>,
}

/// All of them. One leaves when its end was told, or that it takes too long.
#[derive(Debug, Default)]
pub struct Deathbed {
    dying: Vec<Dying>,
    /// Incident and thread of those that were told to be gone, oldest first.
    gone: VecDeque<(u64, u32)>,
}

impl Deathbed {
    /// Takes a victim; one that is known, or of which only the thread id is, is passed over.
    pub fn mark(&mut self, victim: &Victim) {
        let mark = &victim.mark;
        let Some(pid) = mark.pid else { return };
        let started_ns = mark.start_boottime;
        let known = self.dying.iter().position(|dying| dying.tid == mark.tid);
        // A thread id that came again: nobody saw the end of the one before.
        match known.and_then(|place| self.dying.get(place)) {
            Some(known) if known.started_ns == started_ns => return,
            _ => known.map(|place| self.dying.swap_remove(place)),
        };
        self.dying.push(Dying {
            incident: mark.incident,
            source: mark.source,
            marked_ns: mark.boot_ns,
            pid,
            tid: mark.tid,
            started_ns,
            comm: mark.comm.clone(),
        });
    }

    /// A hook says that its memory is back; whether that is to be told. It says so twice of a group's
    /// first victim, which may have been reaped before it is marked once more.
    pub fn freed(&mut self, freed: &Freed) -> bool {
        let Freed { incident, tid, marked_ns, .. } = *freed;
        // Both are read in one run of one hook, the mark's own time some microseconds before.
        let is_it = |dying: &Dying| dying.tid == tid && dying.marked_ns <= marked_ns;
        self.dying.retain(|dying| !is_it(dying));
        let is_new = !self.gone.contains(&(incident, tid));
        if is_new {
            self.is_gone(incident, tid);
        }
        is_new
    }

    /// It was told to be gone, as far as one can see without a hook.
    pub fn gone(&mut self, dying: &Dying) {
        self.is_gone(dying.incident, dying.tid);
    }

    fn is_gone(&mut self, incident: u64, tid: u32) {
        if self.gone.len() == MOST_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back((incident, tid));
    }

    /// When the next of them will have taken too long, on `CLOCK_BOOTTIME` in nanoseconds.
    #[must_use]
    pub fn next_stuck_ns(&self) -> Option<u64> {
        self.dying.iter().map(|dying| dying.marked_ns.saturating_add(STUCK_AFTER_NS)).min()
    }

    /// Takes out those that have taken too long by now.
    pub fn stuck(&mut self, now_ns: u64) -> Vec<Dying> {
        let is_late = |dying: &mut Dying| now_ns >= dying.marked_ns.saturating_add(STUCK_AFTER_NS);
        self.dying.extract_if(.., is_late).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::assemble::Logged;
    use super::*;
    use crate::wire;

    fn victim(tid: u32, marked_ns: u64) -> Victim {
        let mark = wire::Victim { pid: Some(tid), tid, boot_ns: marked_ns, ..Default::default() };
        let (again, sharers) = (Vec::new(), Vec::new());
        let logged = Logged::default();
        Victim { mark: Box::new(mark), cgroup: None, again, sharers, command: None, logged }
    }

    #[test]
    fn a_victim_is_told_of_once_when_it_has_taken_too_long() {
        let mut dying = Deathbed::default();
        dying.mark(&victim(7, 100));
        dying.mark(&victim(8, 200));
        let mut freed = Freed::default();
        // The end of an earlier process with this thread id.
        (freed.tid, freed.marked_ns) = (7, 99);
        dying.freed(&freed);
        (freed.tid, freed.marked_ns) = (8, 200);
        dying.freed(&freed);
        assert_eq!(dying.next_stuck_ns(), Some(100 + STUCK_AFTER_NS));
        assert!(dying.stuck(99 + STUCK_AFTER_NS).is_empty());
        let told: Vec<_> = dying.stuck(100 + STUCK_AFTER_NS).iter().map(|it| it.tid).collect();
        assert_eq!(told, [7]);
        assert!(dying.stuck(u64::MAX).is_empty());
        assert_eq!(dying.next_stuck_ns(), None);
    }

    #[test]
    fn what_was_told_to_be_gone_is_not_told_again_by_a_hook() {
        let mut dying = Deathbed::default();
        dying.mark(&victim(7, 100));
        let told = dying.stuck(u64::MAX);
        dying.gone(&told[0]);
        let mut freed = Freed::default();
        (freed.tid, freed.marked_ns) = (8, 150);
        assert!(dying.freed(&freed));
        (freed.tid, freed.marked_ns) = (7, 150);
        assert!(!dying.freed(&freed));
        // Another process with its thread id.
        freed.incident = 1;
        assert!(dying.freed(&freed));
    }

    /// Reaped while the rest of the group was killed, then marked once more, and at last gone.
    #[test]
    fn the_first_victim_of_a_large_group_is_told_to_be_gone_once() {
        let mut dying = Deathbed::default();
        dying.mark(&victim(7, 100));
        let mut freed = Freed::default();
        (freed.tid, freed.marked_ns) = (7, 101);
        assert!(dying.freed(&freed));
        freed.marked_ns = 5_000_000_000;
        assert!(!dying.freed(&freed));
    }

    #[test]
    fn a_thread_id_that_comes_again_is_another_victim() {
        let mut dying = Deathbed::default();
        let mut again = victim(7, 300);
        again.mark.start_boottime = Some(250);
        dying.mark(&victim(7, 100));
        dying.mark(&again);
        dying.mark(&again);
        let told: Vec<_> = dying.stuck(u64::MAX).iter().map(|it| it.marked_ns).collect();
        assert_eq!(told, [300]);
    }
}
