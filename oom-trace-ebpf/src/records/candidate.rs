//! The tasks that were weighed.

use oom_trace_common::record::{CANDIDATES, Candidate, Incident};

use super::paths;
use crate::kernel::{OomControl, Task};
use crate::scratch;
use crate::weighed::WEIGHED;

/// Adds those that were kept to the incident; none if the kernel chose without weighing any.
pub(super) fn write(oc: OomControl) {
    if WEIGHED.get().is_of(oc.address()) {
        write_candidates(oc.address());
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_candidates(oc: u64) -> u64 {
    let weighed = WEIGHED.get();
    weighed.add_chosen(OomControl::new(oc));
    scratch::record::<Incident>().weighed = weighed.total;
    // The last is the one that holds the most.
    for place in 0..=CANDIDATES as u64 {
        write_candidate(place);
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_candidate(place: u64) -> u64 {
    let Some(weight) = WEIGHED.get().at(place) else { return 0 };
    let candidate = scratch::add::<Candidate>();
    *candidate = weight.candidate;
    candidate.path = paths::place_of(Task::new(weight.task).memory_cgroup());
    scratch::record::<Incident>().candidates_len += 1;
    0
}
