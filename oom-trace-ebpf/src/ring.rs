//! What user space reads: the ring, and the counters; and by what it stops them.

use core::arch::asm;
use core::mem::offset_of;

use aya_ebpf::bindings::{
    BPF_F_MMAPABLE, BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP,
};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, RingBuf};
use oom_trace_common::record::Counters;

/// Room for a storm: more than a hundred victims with all that is told of them, and as many more
/// without what can be done without, before user space has read the first.
const RING_BYTES: u32 = 1024 * 1024;

/// Where more waits to be read, what is left is for the kills themselves.
const FULL_ENOUGH: u64 = RING_BYTES as u64 / 4 * 3;

/// Where more waits to be read, user space is woken whatever comes: an incident may have more victims than
/// there is room for.
const MUCH: u64 = RING_BYTES as u64 / 8;

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// User space maps it.
#[map]
static COUNTERS: Array<Counters> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Whether a record is worth waking user space for.
///
/// A wake-up that is left to the kernel comes only to a reader that has read all before it, so that after
/// records without one there would be none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// It can be read with the next that is.
    Later,
    Now,
}

/// Copies `bytes` to the ring, or counts them as lost; 1 or 0. Nothing once user space has closed it.
#[inline(always)]
pub(crate) fn submit(bytes: &[u8], wake: Wake) -> u64 {
    if is_closed() {
        return 0;
    }
    let flags = match wake {
        Wake::Later if waiting() < MUCH => BPF_RB_NO_WAKEUP,
        _ => BPF_RB_FORCE_WAKEUP,
    };
    if EVENTS.output::<[u8]>(bytes, flags.into()).is_err() {
        count(offset_of!(Counters, ring_lost));
        return 0;
    }
    1
}

fn is_closed() -> bool {
    let Some(counters) = COUNTERS.get_ptr(0) else { return true };
    // SAFETY: it lies within the map's value.
    let closed = unsafe { &raw const (*counters).closed };
    // SAFETY: the map's value lives as long as the program; user space writes this member alone.
    unsafe { closed.read_volatile() != 0 }
}

/// Bytes that wait to be read.
fn waiting() -> u64 {
    EVENTS.query(BPF_RB_AVAIL_DATA.into())
}

/// Whether there is room for what a kill can be told without, or counts it as lost: the last of the room is
/// left to kills.
pub(crate) fn has_room_for_details() -> bool {
    let has_room = waiting() <= FULL_ENOUGH;
    if !has_room {
        count(offset_of!(Counters, ring_lost));
    }
    has_room
}

/// Counts a kill, as the kernel counts it as `oom_kill`.
pub(crate) fn count_kill() {
    count(offset_of!(Counters, kills));
}

/// Adds one to the counter at this offset. Hooks that do not run under `oom_lock` count as well, on any CPU.
#[inline(always)]
fn count(counter: usize) {
    let Some(counters) = COUNTERS.get_ptr_mut(0) else { return };
    // SAFETY: it lies within the map's value.
    let counter = unsafe { counters.byte_add(counter) };
    // `core` has no atomic addition for this target.
    // SAFETY: the map's value lives as long as the program. All hooks add to it by this one
    // instruction, and user space only reads what is counted.
    unsafe {
        asm!("lock *(u64 *)({counter} + 0) += {one}", counter = in(reg) counter, one = in(reg) 1_u64);
    }
}
