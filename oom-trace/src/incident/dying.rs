//! Victims whose memory is not back yet.

use std::collections::VecDeque;

use super::assemble::Victim;
use crate::text::KernelText;
use crate::wire::{Freed, Source};

/// How long a victim may take before it is told of, in nanoseconds.
pub const STUCK_AFTER_NS: u64 = 10_000_000_000;

/// Victims that are remembered: a hook may speak of them late, and more than once.
const MOST: usize = 4096;

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
    /// Those whose kill was told, oldest first.
    told: VecDeque<Known>,
}

/// A victim that was told of.
#[derive(Debug)]
struct Known {
    incident: u64,
    tid: u32,
    is_gone: bool,
}

impl Deathbed {
    /// Takes a victim; one that is known, or of which only the thread id is, is passed over.
    pub fn mark(&mut self, victim: &Victim) {
        let mark = &victim.mark;
        if self.told.len() == MOST {
            // One that is not gone may be stuck for long.
            let oldest = self.told.iter().position(|known| known.is_gone).unwrap_or(0);
            self.told.remove(oldest);
        }
        self.told.push_back(Known { incident: mark.incident, tid: mark.tid, is_gone: false });
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

    /// A hook says that its memory is back; whether that is to be told: once, of a kill that was. It says so
    /// twice of a group's first victim, which may have been reaped before it is marked once more; and of one
    /// for whose mark the ring had no room, which the kernel's log alone tells of.
    pub fn freed(&mut self, freed: &Freed) -> bool {
        let Freed { incident, tid, marked_ns, .. } = *freed;
        // Both are read in one run of one hook, the mark's own time some microseconds before.
        let is_it = |dying: &Dying| dying.tid == tid && dying.marked_ns <= marked_ns;
        self.dying.retain(|dying| !is_it(dying));
        self.is_gone(incident, tid)
    }

    /// It was told to be gone, as far as one can see without a hook.
    pub fn gone(&mut self, dying: &Dying) {
        self.is_gone(dying.incident, dying.tid);
    }

    /// Whether that is news of one that was told of.
    fn is_gone(&mut self, incident: u64, tid: u32) -> bool {
        let is_it = |known: &&mut Known| known.incident == incident && known.tid == tid;
        let known = self.told.iter_mut().rev().find(is_it);
        known.is_some_and(|known| !std::mem::replace(&mut known.is_gone, true))
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
        dying.mark(&victim(8, 100));
        let told = dying.stuck(u64::MAX);
        dying.gone(&told[0]);
        let mut freed = Freed::default();
        (freed.tid, freed.marked_ns) = (8, 150);
        assert!(dying.freed(&freed));
        (freed.tid, freed.marked_ns) = (7, 150);
        assert!(!dying.freed(&freed));
    }

    /// The ring had no room for its mark, and has for its end.
    #[test]
    fn the_end_of_one_that_was_not_told_of_is_not_told() {
        let mut dying = Deathbed::default();
        dying.mark(&victim(7, 100));
        let mut freed = Freed::default();
        // Another process with the same thread id.
        (freed.incident, freed.tid, freed.marked_ns) = (1, 7, 150);
        assert!(!dying.freed(&freed));
        (freed.incident, freed.tid) = (0, 8);
        assert!(!dying.freed(&freed));
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
