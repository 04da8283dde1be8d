//! What is known of a victim when it is marked.

use oom_trace_common::record::{kind, victim_field as field};

use super::command::send_command;
use super::freed::remember;
use super::{Draft, header, put, send};
use crate::kernel::Task;
use crate::maps::{VICTIM, only};

/// Sends the record of a task and of what it was, and remembers it. `threads` is how many it had
/// before it was signalled, 0 if no hook saw that.
#[inline(always)]
pub(crate) fn send_victim(source: u32, incident: u64, outcome: u32, task: Task, threads: u32) {
    send_mark(source, incident, outcome, task, threads);
    send_command(source, incident, task);
    remember(incident, task);
}

/// A function of its own, as those called beside it, for want of stack.
#[inline(never)]
fn send_mark(source: u32, incident: u64, outcome: u32, task: Task, threads: u32) -> u64 {
    let Some(draft) = only(&VICTIM) else { return 0 };
    let Draft { record, paths, end, whole } = &mut *draft;
    let (mm, cgroup, parent) = (task.mm(), task.cgroup(), task.parent());
    let mut present = 0;

    record.outcome = outcome;
    record.tid = task.tid().value;
    put!(present |= field::PID; record.pid, task.pid());
    put!(present |= field::NS_PID; record.ns_pid, task.ns_pid());
    put!(present |= field::UID; record.uid, task.uid());
    put!(present |= field::GID; record.gid, task.gid());
    put!(present |= field::PPID; record.ppid, parent.pid());
    put!(present |= field::THREADS; record.threads, task.threads());
    // Signalled, its threads leave one by one.
    record.threads = record.threads.max(threads);
    put!(present |= field::OOM_SCORE_ADJ; record.oom_score_adj, task.oom_score_adj());
    put!(present |= field::START_BOOTTIME; record.start_boottime, task.start_boottime());
    put!(present |= field::TOTAL_VM; record.total_vm, mm.total_vm());
    put!(present |= field::PGTABLES_BYTES; record.pgtables_bytes, mm.pgtables_bytes());
    put!(present |= field::CGROUP_ID; record.cgroup_id, cgroup.id());

    // No index, no bounds to check: a panic is a function that the verifier refuses.
    let slots = record.rss_count.iter_mut().zip(record.rss_sum.iter_mut());
    for (place, (count_slot, sum_slot)) in slots.enumerate() {
        let (count, sum) = mm.rss(place);
        put!(present |= (field::RSS_COUNT << place); *count_slot, count);
        put!(present |= (field::RSS_SUM << place); *sum_slot, sum);
    }

    present |= field::COMM * task.comm(&mut record.comm);
    present |= field::PARENT_COMM * parent.comm(&mut record.parent_comm);
    end.set(0);
    present |= field::PATH * cgroup.path(paths, end, whole);
    record.path_len = end.get() as u32;
    record.header = header(kind::VICTIM, source, incident);
    record.header.present = present;
    send(draft);
    present
}

/// Sends the record of a task of which only the thread id is known.
pub(crate) fn send_thread_id(source: u32, incident: u64, outcome: u32, tid: u32) -> Option<()> {
    let draft = only(&VICTIM)?;
    let record = &mut draft.record;
    record.outcome = outcome;
    record.tid = tid;
    record.path_len = 0;
    record.header = header(kind::VICTIM, source, incident);
    draft.end.set(0);
    send(draft);
    Some(())
}
