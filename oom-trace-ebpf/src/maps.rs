//! All maps and read-only globals.
//!
//! Every function hooked here runs under the kernel's `oom_lock` (mm/oom_kill.c), so one element
//! of each map is enough and nothing is ever changed by two CPUs at once.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, RingBuf};
use oom_trace_common::layout::Layout;
use oom_trace_common::record::{Counters, Group, Incident, Machine, Printed, Victim};

use crate::current::Current;
use crate::records::Draft;

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
    reserved: 0,
};

/// Room for a storm: some hundreds of victims before user space has read the first.
const RING_BYTES: u32 = 512 * 1024;

#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

#[map]
pub(crate) static COUNTERS: Array<Counters> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static CURRENT: Array<Current> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static INCIDENT: Array<Draft<Incident>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static VICTIM: Array<Draft<Victim>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static GROUP: Array<Draft<Group>> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static PRINTED: Array<Printed> = Array::with_max_entries(1, 0);

/// The one element of `map`.
#[expect(clippy::mut_from_ref, reason = "the map is the kernel's, this is its address")]
pub(crate) fn only<T>(map: &'static Array<T>) -> Option<&'static mut T> {
    // SAFETY: the pointer is the map's value, alive as long as the program; `oom_lock` is held, and
    // no hook keeps the reference beyond its own run.
    map.get_ptr_mut(0).map(|value| unsafe { &mut *value })
}
