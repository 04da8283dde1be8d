//! The raw tracepoint `oom/mark_victim` (include/trace/events/oom.h), inside `mark_oom_victim`:
//! `(struct task_struct *task, uid_t uid)` from 6.9 on and in some stable kernels before it,
//! `(int pid)` in the others.
//!
//! The net beneath the probes: it reports a victim that none of them did.

use aya_ebpf::programs::RawTracePointContext;
use oom_trace_common::record::{outcome, source};

use crate::current::Current;
use crate::kernel::{Task, mark_victim_has_task};
use crate::records::incident::send_orphan;
use crate::records::victim::{send_thread_id, send_victim};

pub(crate) fn enter(context: &RawTracePointContext) -> Option<()> {
    let current = Current::get()?;
    let has_task = mark_victim_has_task();
    let argument: u64 = context.arg(0);
    let reported = if has_task {
        current.take_reported(Task::new(argument))
    } else {
        current.take_any_reported()
    };
    if reported {
        return None;
    }
    if current.start_orphan() {
        send_orphan(source::TRACEPOINT, current.incident(), context);
    }
    let incident = current.incident();
    if has_task {
        let task = Task::new(argument);
        send_victim(source::TRACEPOINT, incident, outcome::UNKNOWN, task, current.take_threads());
    } else {
        send_thread_id(source::TRACEPOINT, incident, outcome::UNKNOWN, argument as u32);
    }
    current.end_orphan(source::TRACEPOINT);
    Some(())
}
