//! `static void mark_oom_victim(struct task_struct *tsk)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3).
//!
//! It is also entered for a task that is dying already, then outside of `__oom_kill_process` and
//! often several times; and twice for the first victim of a group kill.

use aya_ebpf::programs::ProbeContext;
use oom_trace_common::record::outcome;

use crate::current::Current;
use crate::kernel::Task;
use crate::maps::{COUNTERS, only};
use crate::records::incident::send_incident;
use crate::records::victim::send_victim;

/// Entry, with the function's argument.
pub(crate) fn enter(source: u32, victim: u64) -> Option<()> {
    let victim = Task::at(victim)?;
    let current = Current::get()?;
    let verdict = if current.take_kill() {
        only(&COUNTERS)?.kills += 1;
        outcome::KILLED
    } else if victim.is_oom_victim() {
        return None;
    } else {
        outcome::ALREADY_EXITING
    };
    current.reported(victim);
    match current.incident() {
        Some(incident) => send_victim(source, incident, verdict, victim),
        None => {
            let incident = current.start();
            current.reported(victim);
            send_incident(source, incident, 0, 0, None::<&ProbeContext>);
            send_victim(source, incident, verdict, victim);
            current.end(source);
            current.reported(victim);
            Some(())
        }
    }
}
