//! The tasks that were weighed.

use oom_trace_common::record::{CANDIDATES, candidate_field as field, kind};

use super::{Draft, header, send_extra};
use crate::kernel::{OomControl, Task};
use crate::maps::{CANDIDATE, WEIGHED, only};
use crate::weighed::{Weighed, Weight};

/// Sends those that were kept; none if the kernel chose without weighing any.
#[inline(never)]
pub(crate) fn send_candidates(source: u32, incident: u64, oc: OomControl) {
    let Some(weighed) = only(&WEIGHED) else { return };
    if !weighed.is_of(oc.address()) {
        return;
    }
    let Weighed { total, top, largest, .. } = &*weighed;
    for weight in top.iter().take(CANDIDATES) {
        send_candidate(source, incident, *total, weight);
    }
    send_candidate(source, incident, *total, largest);
}

#[inline(never)]
fn send_candidate(source: u32, incident: u64, total: u64, weight: &Weight) -> u64 {
    let Some(draft) = only(&CANDIDATE) else { return 0 };
    if weight.task == 0 {
        return 0;
    }
    let Draft { record, paths, end, whole } = &mut *draft;
    *record = weight.candidate;
    record.total = total;
    let task = Task::new(weight.task);
    end.set(0);
    let path = task.memory_cgroup().path(paths, end, whole);
    record.path_len = end.get();
    let present = weight.candidate.header.present;
    record.header = header(kind::CANDIDATE, source, incident);
    record.header.present = present | (field::PATH * path);
    send_extra(draft);
    present
}
