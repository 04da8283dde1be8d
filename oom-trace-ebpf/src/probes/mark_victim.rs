//! The raw tracepoint `oom/mark_victim` (include/trace/events/oom.h), inside `mark_oom_victim`:
//! `(struct task_struct *task, uid_t uid)` from 6.9 on and in some stable kernels before it,
//! `(int pid)` in the others.
//!
//! Where there are probes it is the net beneath them: it reports a victim that none of them did, and of that
//! what the task itself tells. All is read where it is the only hook.

use aya_ebpf::programs::RawTracePointContext;
use oom_trace_common::record::source::TRACEPOINT;
use zerocopy::IntoBytes as _;

use super::verdict::{count, judge};
use crate::current::CURRENT;
use crate::kernel::{Task, has_probes, mark_victim_has_task};
use crate::records::command::send_command;
use crate::records::incident::send_orphan;
use crate::records::victim::{send_mark, send_thread_id};
use crate::ring::{Wake, submit};

#[inline(always)]
pub(crate) fn enter(context: &RawTracePointContext) {
    let argument: u64 = context.arg(0);
    let (has_task, task) = (mark_victim_has_task(), Task::new(argument));
    let tid = if has_task { task.tid().value } else { argument as u32 };
    if CURRENT.take_seen(tid) {
        return;
    }
    let killed = if has_task { CURRENT.take_kill(task) } else { CURRENT.take_any_kill() };
    let verdict = judge(killed, TRACEPOINT, context);
    count(verdict);
    let threads = CURRENT.take_threads();
    if CURRENT.start_orphan() && !has_probes() {
        send_orphan(TRACEPOINT, CURRENT.incident(), context);
    }
    let incident = CURRENT.incident();
    if has_task {
        send_mark(TRACEPOINT, incident, verdict, task, threads);
        if !has_probes() {
            send_command(TRACEPOINT, incident, task);
        }
    } else {
        send_thread_id(TRACEPOINT, incident, verdict, tid);
    }
    if let Some(end) = CURRENT.end_orphan(TRACEPOINT) {
        submit(end.as_bytes(), Wake::Now);
    }
}
