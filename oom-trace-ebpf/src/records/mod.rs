//! Records: a fixed part, and what is behind it.
//!
//! What sends one is a function for the verifier to check once: a global one, whose arguments are
//! numbers. It would check any other anew for each call, in each state it may be called in. The
//! record is written in [`scratch`](crate::scratch).

mod candidate;
pub(crate) mod command;
pub(crate) mod freed;
pub(crate) mod group;
pub(crate) mod incident;
mod level;
mod names;
mod paths;
pub(crate) mod sharer;
pub(crate) mod usage;
pub(crate) mod victim;

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use oom_trace_common::record::Header;

use crate::ring::{Wake, has_room_for_details, submit};
use crate::scratch;

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

/// Hands over the record being written, a `T`, and its texts, or counts it as lost; 1 or 0.
#[inline(always)]
fn send<T>(wake: Wake) -> u64 {
    submit(scratch::written::<T>(), wake)
}

/// The same for one that a kill can be told without.
#[inline(always)]
fn send_extra<T>() {
    if has_room_for_details() {
        send::<T>(Wake::Later);
    }
}
