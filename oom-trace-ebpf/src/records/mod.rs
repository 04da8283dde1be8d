//! Records being written: a fixed part and the paths behind it.

pub(crate) mod candidate;
pub(crate) mod command;
pub(crate) mod freed;
pub(crate) mod group;
pub(crate) mod incident;
pub(crate) mod level;
pub(crate) mod sharer;
pub(crate) mod usage;
pub(crate) mod victim;

use aya_ebpf::bindings::BPF_RB_AVAIL_DATA;
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use oom_trace_common::record::{Header, NAME_LEN, PATHS_LEN};

use crate::maps::{COUNTERS, EVENTS, FULL_ENOUGH, only};

/// A record and room for its paths, too large for the 512 bytes of a program's stack.
#[repr(C)]
pub(crate) struct Draft<T> {
    pub(crate) record: T,
    pub(crate) paths: [u8; PATHS_ROOM],
    /// Where the next path starts.
    pub(crate) end: Memory,
    /// Whether the last path is whole: 1 or 0.
    pub(crate) whole: Memory,
}

/// The names of cgroups, each ended by NUL.
///
/// The bytes behind `PATHS_LEN` take the last name whole: a position is masked, not compared,
/// which every kernel's verifier understands.
pub(crate) const PATHS_ROOM: usize = PATHS_LEN + NAME_LEN;

/// A number that stays in the map's memory, where the verifier does not follow it. In a register
/// each of its values would be a state of its own, and the rest of the program would be checked
/// once for each (kernels before 6.4 do not come to an end over it).
#[repr(transparent)]
pub(crate) struct Memory(u64);

impl Memory {
    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        // SAFETY: a reference is valid to read.
        unsafe { core::ptr::read_volatile(&self.0) }
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, value: u64) {
        // SAFETY: a reference is valid to write.
        unsafe { core::ptr::write_volatile(&mut self.0, value) }
    }
}

/// Assigns what was read, and its bit if it is there. A bit is a power of two: this multiplies
/// where a comparison would branch.
macro_rules! put {
    ($present:ident |= $bit:expr; $slot:expr, $got:expr) => {{
        let got = $got;
        $slot = got.value;
        $present |= got.ok * $bit;
    }};
}
pub(crate) use put;

/// Nanoseconds since boot, suspension included.
pub(crate) fn boot_ns() -> u64 {
    // SAFETY: the helper takes nothing and reads a clock.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// A header without any field yet.
pub(crate) fn header(kind: u32, source: u32, incident: u64) -> Header {
    Header { kind, source, incident, boot_ns: boot_ns(), present: 0 }
}

/// Hands a draft over with the paths written so far, or counts it as lost.
pub(crate) fn send<T>(draft: &'static Draft<T>) {
    submit(bytes(draft));
}

/// The same for one that a kill can be told without.
pub(crate) fn send_extra<T>(draft: &'static Draft<T>) {
    submit_extra(bytes(draft));
}

fn bytes<T>(draft: &'static Draft<T>) -> &'static [u8] {
    let len = size_of::<T>() + (draft.end.get() as usize).min(PATHS_LEN);
    let start: *const Draft<T> = draft;
    // SAFETY: `len` bytes from `start` lie within the draft, whose first two parts leave no gap: a
    // record has no padding (zerocopy proves it) and bytes need no alignment.
    unsafe { core::slice::from_raw_parts(start.cast(), len) }
}

/// Copies `bytes` to the ring, or counts them as lost.
pub(crate) fn submit(bytes: &[u8]) {
    if EVENTS.output::<[u8]>(bytes, 0).is_err() {
        lost();
    }
}

/// The same for what a kill can be told without: it leaves the last of the room to kills.
pub(crate) fn submit_extra(bytes: &[u8]) {
    if EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) > FULL_ENOUGH {
        lost();
    } else {
        submit(bytes);
    }
}

fn lost() {
    if let Some(counters) = only(&COUNTERS) {
        counters.ring_lost += 1;
    }
}
