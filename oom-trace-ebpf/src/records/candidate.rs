//! The tasks that were weighed.

use oom_trace_common::record::{CANDIDATES, Candidate, candidate_field as field, kind};

use super::{header, send_extra};
use crate::kernel::{OomControl, Task};
use crate::scratch;
use crate::weighed::WEIGHED;

/// Sends those that were kept; none if the kernel chose without weighing any.
pub(crate) fn send_candidates(source: u32, incident: u64, oc: OomControl) {
    if WEIGHED.get().is_of(oc.address()) {
        WEIGHED.get().add_chosen(oc);
        // The last is the one that holds the most.
        for place in 0..=CANDIDATES as u64 {
            send_candidate(source as u64, incident, place);
        }
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn send_candidate(source: u64, incident: u64, place: u64) -> u64 {
    let weighed = WEIGHED.get();
    let Some(weight) = weighed.at(place) else { return 0 };
    let record = scratch::record::<Candidate>();
    *record = weight.candidate;
    record.total = weighed.total;
    scratch::clear();
    let path = Task::new(weight.task).memory_cgroup().path();
    record.path_len = scratch::end();
    let present = record.header.present | (field::PATH * path);
    record.header = header(kind::CANDIDATE, source as u32, incident);
    record.header.present = present;
    send_extra::<Candidate>();
    1
}
