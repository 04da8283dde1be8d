//! The paths of an incident: that of each cgroup once, however many tasks are in it.

use oom_trace_common::record::{Incident, NO_PATH, PATHS};

use crate::kernel::Cgroup;
use crate::scratch::{self, Locked, Word};

/// Where the cgroups are.
static CGROUPS: Locked<[u64; PATHS]> = Locked::new([0; PATHS]);

/// How many there are.
static COUNT: Word = Word::zero();

/// Where the first path starts.
static START: Word = Word::zero();

/// Forgets them.
pub(super) fn clear() {
    COUNT.set(0);
}

/// The place that the path of a cgroup will have.
pub(super) fn place_of(cgroup: Cgroup) -> u32 {
    find_path(cgroup.address()) as u32
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn find_path(cgroup: u64) -> u64 {
    if cgroup == 0 {
        return NO_PATH as u64;
    }
    for place in 0..PATHS as u64 {
        if takes(place, cgroup) != 0 {
            return place;
        }
    }
    NO_PATH as u64
}

/// Whether a place is the cgroup's, or was free and is from now on: 1 or 0.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn takes(place: u64, cgroup: u64) -> u64 {
    let Some(slot) = CGROUPS.get().get_mut(place as usize) else { return 0 };
    if place == COUNT.get() {
        *slot = cgroup;
        COUNT.set(place + 1);
    }
    (*slot == cgroup) as u64
}

/// Writes them behind all other parts.
pub(super) fn write() {
    let record = scratch::record::<Incident>();
    record.readable = 0;
    record.paths_len = COUNT.get() as u32;
    START.set(scratch::end());
    for place in 0..PATHS as u64 {
        if write_one(place) == 0 {
            break;
        }
    }
}

/// Writes that at a place; 0 if there is none.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_one(place: u64) -> u64 {
    let record = scratch::record::<Incident>();
    let cgroup = CGROUPS.get().get(place as usize).filter(|_| place < COUNT.get());
    let (Some(cgroup), Some(end)) = (cgroup, record.path_ends.get_mut(place as usize)) else {
        return 0;
    };
    let is_readable = Cgroup::at(*cgroup).path();
    *end = (scratch::end() - START.get()) as u32;
    record.readable |= (is_readable << place) as u32;
    1
}
