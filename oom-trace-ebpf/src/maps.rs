//! All maps and read-only globals.
//!
//! Every function hooked here, but for those that tell that memory is back, runs under the kernel's
//! `oom_lock` (mm/oom_kill.c), so one element of each array is enough and nothing in them is ever
//! changed by two CPUs at once.

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, RingBuf};
use oom_trace_common::layout::Layout;
use oom_trace_common::record::{
    Candidate, Command, Counters, Freed, Group, Incident, Level, Machine, Printed, Victim,
};

use crate::current::Current;
use crate::records::Draft;
use crate::weighed::Weighed;

/// Where the running kernel keeps its members; user space writes it before load.
#[unsafe(no_mangle)]
pub(crate) static LAYOUT: Layout = Layout::EMPTY;

/// What else is known of the machine; user space writes it before load.
#[unsafe(no_mangle)]
pub(crate) static MACHINE: Machine = Machine {
    per_cpu_offset: 0,
    possible_cpus: 0,
    mark_victim_has_task: 0,
    has_snprintf: 0,
    weighs_exactly: 0,
    direct_map: 0,
    page_shift: 0,
    has_nodes: 0,
};

/// Room for a storm: more than a hundred victims with all that is told of them, and as many more
/// without what can be done without, before user space has read the first.
const RING_BYTES: u32 = 1024 * 1024;

/// Where more waits to be read, what is left is for the kills themselves.
pub(crate) const FULL_ENOUGH: u64 = RING_BYTES as u64 / 4 * 3;

#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// User space maps it.
#[map]
pub(crate) static COUNTERS: Array<Counters> = Array::with_max_entries(1, BPF_F_MMAPABLE);

#[map]
pub(crate) static CURRENT: Array<Current> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static INCIDENT: Array<Draft<Incident>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static VICTIM: Array<Draft<Victim>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static GROUP: Array<Draft<Group>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static COMMAND: Array<Draft<Command>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static CANDIDATE: Array<Draft<Candidate>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static LEVEL: Array<Level> = Array::with_max_entries(1, 0);

/// The tasks that the kernel has weighed so far, while it looks for one to choose.
#[map]
pub(crate) static WEIGHED: Array<Weighed> = Array::with_max_entries(1, 0);

/// Victims whose memory is not back, by the address of their `mm_struct`: as many as may be dying
/// at a time.
#[map]
pub(crate) static DYING: HashMap<u64, Freed> = HashMap::with_max_entries(4096, 0);

/// The key in `DYING` of the thread that was marked.
#[map]
pub(crate) static DYING_THREADS: HashMap<u32, u64> = HashMap::with_max_entries(4096, 0);

#[map]
pub(crate) static PRINTED: Array<Printed> = Array::with_max_entries(1, 0);

/// The one element of `map`.
#[expect(clippy::mut_from_ref, reason = "the map is the kernel's, this is its address")]
pub(crate) fn only<T>(map: &'static Array<T>) -> Option<&'static mut T> {
    // SAFETY: the pointer is the map's value, alive as long as the program; `oom_lock` is held, and
    // no hook keeps the reference beyond its own run.
    map.get_ptr_mut(0).map(|value| unsafe { &mut *value })
}
