//! Records being written: a fixed part and the paths behind it.

pub(crate) mod incident;
pub(crate) mod victim;

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use oom_trace_common::record::{Header, NAME_LEN, PATHS_LEN};

use crate::maps::{COUNTERS, EVENTS, only};

/// A record and room for its paths, too large for the 512 bytes of a program's stack.
#[repr(C)]
pub(crate) struct Draft<T> {
    pub(crate) record: T,
    pub(crate) paths: [u8; PATHS_ROOM],
    pub(crate) tally: Tally,
}

/// The names of cgroups, each ended by NUL.
///
/// The bytes behind `PATHS_LEN` take the last name whole: a position is masked, not compared,
/// which every kernel's verifier understands.
pub(crate) const PATHS_ROOM: usize = PATHS_LEN + NAME_LEN;

/// What grows while a record is written.
///
/// It stays in the map's memory, where the verifier does not follow it. In a register each of its
/// values would be a state of its own, and kernels before 6.4 would check the rest of the program
/// once for each combination of them.
#[repr(C)]
pub(crate) struct Tally {
    present: u64,
    end: u64,
}

impl Tally {
    pub(crate) fn clear(&mut self) {
        *self = Self { present: 0, end: 0 };
    }

    pub(crate) fn mark(&mut self, bit: u64) {
        let present = self.present() | bit;
        store(&mut self.present, present);
    }

    pub(crate) fn present(&self) -> u64 {
        load(&self.present)
    }

    /// Where the next path starts.
    pub(crate) fn end(&self) -> u64 {
        load(&self.end)
    }

    pub(crate) fn set_end(&mut self, end: u64) {
        store(&mut self.end, end);
    }
}

/// Reads from memory, whatever the compiler knows of the value.
#[inline(always)]
fn load(value: &u64) -> u64 {
    // SAFETY: a reference is valid to read.
    unsafe { core::ptr::read_volatile(value) }
}

/// Writes to memory at once.
#[inline(always)]
fn store(place: &mut u64, value: u64) {
    // SAFETY: a reference is valid to write.
    unsafe { core::ptr::write_volatile(place, value) }
}

/// Assigns an `Option`: the value and its bit, or zero and no bit.
macro_rules! put {
    ($tally:ident |= $bit:expr; $slot:expr, $value:expr) => {
        match $value {
            Some(value) => {
                $slot = value;
                $tally.mark($bit);
            }
            None => $slot = 0,
        }
    };
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

/// Hands a draft over with the paths that its tally counts, or counts it as lost.
pub(crate) fn send<T>(draft: &'static Draft<T>) {
    let len = size_of::<T>() + (draft.tally.end() as usize).min(PATHS_LEN);
    let start: *const Draft<T> = draft;
    // SAFETY: `len` bytes from `start` lie within the draft, whose first two parts leave no gap: a
    // record has no padding (zerocopy proves it) and bytes need no alignment.
    submit(unsafe { core::slice::from_raw_parts(start.cast(), len) });
}

/// Copies `bytes` to the ring, or counts them as lost.
pub(crate) fn submit(bytes: &[u8]) {
    if EVENTS.output::<[u8]>(bytes, 0).is_err()
        && let Some(counters) = only(&COUNTERS)
    {
        counters.ring_lost += 1;
    }
}
