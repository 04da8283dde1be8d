//! `static void mark_oom_victim(struct task_struct *tsk)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3).
//!
//! It is also entered for a task that is dying already, then outside of `__oom_kill_process` and
//! often several times; and twice for the first victim of a group kill.

use aya_ebpf::EbpfContext;
use oom_trace_common::record::outcome;

use crate::current::Current;
use crate::kernel::Task;
use crate::maps::{COUNTERS, only};
use crate::records::incident::send_orphan;
use crate::records::victim::send_victim;

/// Entry, with the function's argument.
pub(crate) fn enter(source: u32, victim: u64, context: &impl EbpfContext) -> Option<()> {
    let victim = Task::new(victim);
    let current = Current::get()?;
    let verdict = if current.take_kill() {
        only(&COUNTERS)?.kills += 1;
        outcome::KILLED
    } else if victim.is_oom_victim() {
        return None;
    } else {
        outcome::ALREADY_EXITING
    };
    // One state for the verifier where it would check all that follows for each verdict.
    let verdict = core::hint::black_box(verdict);
    let threads = current.take_threads();
    if current.start_orphan() {
        send_orphan(source, current.incident(), context);
    }
    send_victim(source, current.incident(), verdict, victim, threads);
    current.reported(victim, source);
    current.end_orphan(source);
    Some(())
}
