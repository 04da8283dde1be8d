//! What is known of a victim when it is marked.

use oom_trace_common::record::{kind, victim_field as field};

use super::{Draft, header, put, send};
use crate::kernel::{Cgroup, Mm, Task};
use crate::maps::{VICTIM, only};

/// Sends the record of a task.
#[inline(always)]
pub(crate) fn send_victim(source: u32, incident: u64, outcome: u32, task: Task) -> Option<()> {
    let draft = only(&VICTIM)?;
    let Draft { record, paths, tally } = &mut *draft;
    tally.clear();
    let (mm, cgroup, parent) = (task.mm(), task.cgroup(), task.parent());

    record.outcome = outcome;
    record.tid = task.tid().unwrap_or(0);
    put!(tally |= field::PID; record.pid, task.pid());
    put!(tally |= field::NS_PID; record.ns_pid, task.ns_pid());
    put!(tally |= field::UID; record.uid, task.uid());
    put!(tally |= field::GID; record.gid, task.gid());
    put!(tally |= field::PPID; record.ppid, parent.and_then(Task::pid));
    put!(tally |= field::THREADS; record.threads, task.threads());
    put!(tally |= field::OOM_SCORE_ADJ; record.oom_score_adj, task.oom_score_adj());
    put!(tally |= field::START_BOOTTIME; record.start_boottime, task.start_boottime());
    put!(tally |= field::TOTAL_VM; record.total_vm, mm.and_then(Mm::total_vm));
    put!(tally |= field::PGTABLES_BYTES; record.pgtables_bytes, mm.and_then(Mm::pgtables_bytes));
    put!(tally |= field::CGROUP_ID; record.cgroup_id, cgroup.and_then(Cgroup::id));

    // No index, no bounds to check: a panic is a function that the verifier refuses.
    let slots = record.rss_count.iter_mut().zip(record.rss_sum.iter_mut());
    for (place, (count_slot, sum_slot)) in slots.enumerate() {
        let (count, sum) = mm.map_or((None, None), |mm| mm.rss(place));
        put!(tally |= field::RSS_COUNT << place; *count_slot, count);
        put!(tally |= field::RSS_SUM << place; *sum_slot, sum);
    }

    if task.comm(&mut record.comm) {
        tally.mark(field::COMM);
    }
    if parent.is_some_and(|parent| parent.comm(&mut record.parent_comm)) {
        tally.mark(field::PARENT_COMM);
    }
    if cgroup.is_some_and(|cgroup| cgroup.path(paths, tally)) {
        tally.mark(field::PATH);
    }
    record.path_len = tally.end() as u32;
    record.header = header(kind::VICTIM, source, incident);
    record.header.present = tally.present();
    send(draft);
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
    draft.tally.clear();
    send(draft);
    Some(())
}
