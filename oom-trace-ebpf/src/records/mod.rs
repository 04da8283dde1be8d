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
    pub(crate) paths: Paths,
}

/// The names of cgroups, each ended by NUL.
///
/// The bytes behind `PATHS_LEN` take the last name whole: a position is masked, not compared,
/// which every kernel's verifier understands.
pub(crate) type Paths = [u8; PATHS_LEN + NAME_LEN];

/// Assigns an `Option`: the value and its bit, or zero and no bit.
macro_rules! put {
    ($present:ident |= $bit:expr; $slot:expr, $value:expr) => {
        match $value {
            Some(value) => {
                $slot = value;
                $present |= $bit;
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

/// Hands a draft over with the first `paths_len` bytes of its paths, or counts it as lost.
pub(crate) fn send<T>(draft: &'static Draft<T>, paths_len: u32) {
    let len = size_of::<T>() + (paths_len as usize).min(PATHS_LEN);
    let start: *const Draft<T> = draft;
    // SAFETY: `len` bytes from `start` lie within the draft, whose parts leave no gap: a record
    // has no padding (zerocopy proves it) and bytes need no alignment.
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
