//! What is known of a victim when it is marked.

use oom_trace_common::record::{kind, victim_field as field};

use super::{header, put, send};
use crate::kernel::{Cgroup, Mm, Task};
use crate::maps::{VICTIM, only};

/// Sends the record of a task.
#[inline(always)]
pub(crate) fn send_victim(source: u32, incident: u64, outcome: u32, task: Task) -> Option<()> {
    let draft = only(&VICTIM)?;
    let (record, paths) = (&mut draft.record, &mut draft.paths);
    let (mm, cgroup, parent) = (task.mm(), task.cgroup(), task.parent());
    let mut present = 0;

    record.outcome = outcome;
    record.tid = task.tid().unwrap_or(0);
    put!(present |= field::PID; record.pid, task.pid());
    put!(present |= field::NS_PID; record.ns_pid, task.ns_pid());
    put!(present |= field::UID; record.uid, task.uid());
    put!(present |= field::GID; record.gid, task.gid());
    put!(present |= field::PPID; record.ppid, parent.and_then(Task::pid));
    put!(present |= field::THREADS; record.threads, task.threads());
    put!(present |= field::OOM_SCORE_ADJ; record.oom_score_adj, task.oom_score_adj());
    put!(present |= field::START_BOOTTIME; record.start_boottime, task.start_boottime());
    put!(present |= field::TOTAL_VM; record.total_vm, mm.and_then(Mm::total_vm));
    put!(present |= field::PGTABLES_BYTES; record.pgtables_bytes, mm.and_then(Mm::pgtables_bytes));
    put!(present |= field::CGROUP_ID; record.cgroup_id, cgroup.and_then(Cgroup::id));

    // No index, no bounds to check: a panic is a function that the verifier refuses.
    let slots = record.rss_count.iter_mut().zip(record.rss_sum.iter_mut());
    for (place, (count_slot, sum_slot)) in slots.enumerate() {
        let (count, sum) = mm.map_or((None, None), |mm| mm.rss(place));
        put!(present |= field::RSS_COUNT << place; *count_slot, count);
        put!(present |= field::RSS_SUM << place; *sum_slot, sum);
    }

    if task.comm(&mut record.comm) {
        present |= field::COMM;
    }
    if parent.is_some_and(|parent| parent.comm(&mut record.parent_comm)) {
        present |= field::PARENT_COMM;
    }
    record.path_len = match cgroup.and_then(|cgroup| cgroup.path(paths, 0)) {
        Some(end) => {
            present |= field::PATH;
            end
        }
        None => 0,
    };
    let end = record.path_len;
    record.header = header(kind::VICTIM, source, incident);
    record.header.present = present;
    send(draft, end);
    Some(())
}

/// Sends the record of a task of which only the thread id is known.
pub(crate) fn send_thread_id(source: u32, incident: u64, outcome: u32, tid: u32) -> Option<()> {
    let draft = only(&VICTIM)?;
    let record = &mut draft.record;
    record.outcome = outcome;
    record.tid = tid;
    record.path_len = 0;
    record.header = header(kind::VICTIM, source, incident);
    send(draft, 0);
    Some(())
}
