//! What is known of a victim when it is marked.

use oom_trace_common::record::{Victim, kind, victim_field as field};

use super::{header, put, send};
use crate::dying;
use crate::kernel::Task;
use crate::ring::Wake;
use crate::scratch::{self, Word};

/// Sends the record of a task, and remembers it. `threads` is how many it had before it was signalled, 0 if
/// no hook saw that.
#[inline(always)]
pub(crate) fn send_mark(source: u32, incident: u64, outcome: u32, task: Task, threads: u32) {
    send_mark_of(source as u64, incident, outcome as u64, task.address(), threads as u64);
    dying::remember(incident, task);
}

/// The incident and the cgroup of the last victim whose path was told: a long one is told once for all
/// of a group that are in it.
static TOLD_INCIDENT: Word = Word::zero();
static TOLD_CGROUP: Word = Word::zero();

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn send_mark_of(
    source: u64,
    incident: u64,
    outcome: u64,
    task: u64,
    threads: u64,
) -> u64 {
    let (record, task) = (scratch::record::<Victim>(), Task::new(task));
    let (mm, cgroup, parent) = (task.mm(), task.cgroup(), task.parent());
    let mut present = 0;

    record.outcome = outcome as u32;
    record.tid = task.tid().value;
    put!(present |= field::PID; record.pid, task.pid());
    put!(present |= field::NS_PID; record.ns_pid, task.ns_pid());
    put!(present |= field::UID; record.uid, task.uid());
    put!(present |= field::GID; record.gid, task.gid());
    put!(present |= field::PPID; record.ppid, parent.pid());
    put!(present |= field::THREADS; record.threads, task.threads());
    // Signalled, its threads leave one by one.
    record.threads = record.threads.max(threads as u32);
    put!(present |= field::OOM_SCORE_ADJ; record.oom_score_adj, task.oom_score_adj());
    put!(present |= field::START_BOOTTIME; record.start_boottime, task.leader().start_boottime());
    put!(present |= field::TOTAL_VM; record.total_vm, mm.total_vm());
    put!(present |= field::PGTABLES_BYTES; record.pgtables_bytes, mm.pgtables_bytes());
    put!(present |= field::CGROUP_ID; record.cgroup_id, cgroup.id());

    // No index, no bounds to check: a panic is a function that the verifier refuses.
    let slots = record.rss_count.iter_mut().zip(record.rss_sum.iter_mut());
    for (place, (count, sum)) in slots.enumerate() {
        let (bare, whole) = mm.rss(place);
        put!(present |= (field::RSS_COUNT << place); *count, bare);
        put!(present |= (field::RSS_SUM << place); *sum, whole);
    }

    present |= field::COMM * task.comm(&mut record.comm);
    present |= field::PARENT_COMM * parent.comm(&mut record.parent_comm);
    scratch::clear();
    if TOLD_INCIDENT.get() == incident && TOLD_CGROUP.get() == cgroup.address() {
        present |= field::SAME_PATH;
    } else {
        present |= field::PATH * cgroup.path();
    }
    record.path_len = scratch::end() as u32;
    record.header = header(kind::VICTIM, source as u32, incident);
    record.header.present = present;
    // With the first of an incident user space begins to watch for its end, should no hook see that.
    let wake = if TOLD_INCIDENT.get() == incident { Wake::Later } else { Wake::Now };
    // One that found no room told no path.
    TOLD_INCIDENT.set(incident * send::<Victim>(wake));
    TOLD_CGROUP.set(cgroup.address());
    0
}

/// Sends the record of a task of which only the thread id is known.
pub(crate) fn send_thread_id(source: u32, incident: u64, outcome: u32, tid: u32) {
    let record = scratch::record::<Victim>();
    record.outcome = outcome;
    record.tid = tid;
    record.path_len = 0;
    record.header = header(kind::VICTIM, source, incident);
    scratch::clear();
    send::<Victim>(Wake::Now);
}
