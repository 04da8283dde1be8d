//! `static void mark_oom_victim(struct task_struct *tsk)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3).
//!
//! It is also entered for a task that is dying already, then outside of `__oom_kill_process` and
//! often several times; for each further thread of a victim that comes to the killer; and twice for the
//! first victim of a group kill.

use aya_ebpf::EbpfContext;
use zerocopy::IntoBytes as _;

use super::verdict::{count, judge};
use crate::current::CURRENT;
use crate::kernel::Task;
use crate::records::command::send_command;
use crate::records::incident::send_orphan;
use crate::records::victim::send_mark;
use crate::ring::{Wake, submit};

/// Entry, with the function's argument.
#[inline(always)]
pub(crate) fn enter(source: u32, victim: u64, context: &impl EbpfContext) {
    let victim = Task::new(victim);
    let killed = CURRENT.take_kill(victim);
    if !killed && victim.is_oom_victim() {
        // Of another thread than the one that was told, the tracepoint fires as well.
        CURRENT.seen(victim);
        return;
    }
    let verdict = judge(killed, source, context);
    count(verdict);
    let threads = CURRENT.take_threads();
    if CURRENT.start_orphan() {
        send_orphan(source, CURRENT.incident(), context);
    }
    send_mark(source, CURRENT.incident(), verdict, victim, threads);
    send_command(source, CURRENT.incident(), victim);
    CURRENT.reported(victim, source);
    if let Some(end) = CURRENT.end_orphan(source) {
        submit(end.as_bytes(), Wake::Now);
    }
}
