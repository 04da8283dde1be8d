//! Whether the kernel is done with an incident whose end no hook saw.

use crate::enrich::thread::Thread;
use crate::incident::assemble::Incident;

/// Watches the task that an incident is in, from the first time that it is asked.
#[derive(Debug, Default)]
pub(super) struct Trigger {
    /// Of this incident.
    id: u64,
    first: Option<Thread>,
}

impl Trigger {
    /// Whether the task has left the incident: it is gone, or has been in user space since it was
    /// first asked for: it faulted in a page, or mostly ran there. `false` where that cannot be known.
    pub(super) fn has_left(&mut self, incident: &Incident) -> bool {
        let Some((pid, tid)) = incident.trigger().filter(|_| Thread::is_named_by_kernel()) else {
            return false;
        };
        let now = Thread::read(pid, tid);
        if self.id != incident.id {
            (self.id, self.first) = (incident.id, now);
        }
        match (self.first, now) {
            (_, None) | (None, _) => true,
            (Some(first), Some(now)) => {
                now.is_dead || now.started != first.started || has_been_in_user_space(first, now)
            }
        }
    }
}

/// Of a thread that stays in the kernel the estimate of its time in user space may grow, too, but by
/// less than the rest; by all of it only while no tick has ever found it in the kernel.
fn has_been_in_user_space(first: Thread, now: Thread) -> bool {
    let user = now.user.saturating_sub(first.user);
    let system = now.system.saturating_sub(first.system);
    now.faults > first.faults || (user > system && now.system > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stays_in_the_kernel_has_not_left_it() {
        let first = Thread {
            faults: 200,
            user: 40,
            system: 10,
            started: 987,
            is_dead: false,
            is_exiting: false,
        };
        let has_left = |now| has_been_in_user_space(first, now);
        assert!(!has_left(first));
        assert!(!has_left(Thread { system: 110, ..first }));
        // As the estimate is put right.
        assert!(!has_left(Thread { user: 43, system: 107, ..first }));
        assert!(has_left(Thread { user: 140, ..first }));
        assert!(has_left(Thread { faults: 201, system: 110, ..first }));
        let never_seen = Thread { system: 0, ..first };
        assert!(!has_been_in_user_space(never_seen, Thread { user: 140, ..never_seen }));
    }
}
