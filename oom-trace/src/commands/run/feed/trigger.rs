//! Whether the kernel is done with an incident whose end no hook saw.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::enrich::thread::Thread;
use crate::incident::assemble::Incident;

/// `PROC_PID_INIT_INO` (include/linux/proc_ns.h): the namespace of the pids that the kernel names.
const INITIAL_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Watches the task that an incident is in, from the first time that it is asked.
#[derive(Debug, Default)]
pub(super) struct Trigger {
    /// Of this incident.
    id: u64,
    first: Option<Thread>,
}

impl Trigger {
    /// Whether the task has left the incident: it is gone, or has been in user space since it was
    /// first asked for. `false` where that cannot be known.
    pub(super) fn has_left(&mut self, incident: &Incident) -> bool {
        let Some((pid, tid)) = incident.trigger().filter(|_| is_initial_namespace()) else {
            return false;
        };
        let now = Thread::read(pid, tid);
        if self.id != incident.id {
            (self.id, self.first) = (incident.id, now);
        }
        match (self.first, now) {
            (_, None) | (None, _) => true,
            (Some(first), Some(now)) => {
                now.is_dead || now.started != first.started || now.user > first.user
            }
        }
    }
}

fn is_initial_namespace() -> bool {
    fs::metadata("/proc/self/ns/pid").is_ok_and(|ns| ns.ino() == INITIAL_NAMESPACE)
}
