//! The records of the ring buffer, in the byte order of the machine.
//!
//! Each starts with a [`Header`]. An [`Incident`] is followed by [`Level`]s, [`Candidate`]s, paths and the
//! symbols of its stack, [`Victim`] and [`Group`] by their path, a [`Command`] by a path and arguments.
//!
//! A path is the names of a cgroup and its ancestors, the leaf first, each ended by NUL, the root
//! left out: `/a/b` is `b\0a\0`, the root is nothing at all. Symbols end with NUL too. The parts
//! stand one after the other in the order of the fields that tell where they end.
//!
//! The symbol of an address is told once, see [`name_place`].

mod candidate;
mod freed;
mod incident;
mod level;
mod names;
mod victim;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use candidate::{CANDIDATES, Candidate, candidate_field, role};
pub use freed::{Freed, by, freed_field};
pub use incident::{Incident, NO_PATH, PATHS, Printed, Usage, incident_field, usage_field};
pub use level::{EVENTS, LEVELS, Level, level_field};
pub use names::{NAMES, is_kept, name_place};
pub use victim::{
    ARGV_LEN, Command, Group, NAME_PRESENT, PARENTS, Parent, Sharer, Victim, command_field, rss,
    victim_field,
};

/// `TASK_COMM_LEN` (include/linux/sched.h), with its NUL.
pub const COMM_LEN: usize = 16;
/// The longest name of a cgroup, with its NUL: `NAME_MAX` (include/uapi/linux/limits.h) + 1.
pub const NAME_LEN: usize = 256;
/// Room for the words before `: Killed process`; the longest there is has 44 bytes.
pub const MESSAGE_LEN: usize = 64;
/// A bitmap of `MAX_NUMNODES` nodes: 1024 at the most (`CONFIG_NODES_SHIFT` ≤ 10).
pub const NODEMASK_LEN: usize = 128;
/// Kernel stack frames kept, innermost first.
pub const STACK_LEN: usize = 32;
/// Room for a frame's symbol, with its NUL; the kernel's longest names have more
/// (`KSYM_SYMBOL_LEN`, include/linux/kallsyms.h), none on the way to the OOM killer has.
pub const SYMBOL_LEN: usize = NAME_LEN;
/// Steps from a cgroup up to its root that are walked, the root's included.
pub const PATH_DEPTH: u32 = 32;
/// Room for what follows the fixed part of one record; a power of two.
pub const REST_LEN: usize = 16384;
/// Kinds of `rss_stat` counters: `NR_MM_COUNTERS` (include/linux/mm_types_task.h).
pub const RSS_COUNTERS: usize = 4;

/// What a record is.
pub mod kind {
    /// [`super::Incident`]
    pub const INCIDENT: u32 = 1;
    /// [`super::Victim`]
    pub const VICTIM: u32 = 2;
    /// [`super::End`]
    pub const END: u32 = 3;
    /// [`super::Sharer`]
    pub const SHARER: u32 = 4;
    /// [`super::Group`]
    pub const GROUP: u32 = 5;
    /// An [`super::Incident`] that chose nobody: the kernel dumps its state and then, perhaps, panics.
    pub const NO_VICTIM: u32 = 6;
    /// [`super::Printed`]
    pub const PRINTED: u32 = 7;
    /// [`super::Command`]
    pub const COMMAND: u32 = 8;
    /// [`super::Freed`]
    pub const FREED: u32 = 9;
}

/// Which hook made a record.
pub mod source {
    /// A kprobe or kretprobe.
    pub const KPROBE: u32 = 1;
    /// An fentry or fexit program.
    pub const FENTRY: u32 = 2;
    /// The raw tracepoint `oom/mark_victim`.
    pub const TRACEPOINT: u32 = 3;
}

/// What the hooks and the stack say of a mark.
pub mod outcome {
    /// Neither could tell: the stack of an incident without `oom_control` is that of the mark, and may
    /// be named later (before 5.13 the kernel has no helper for it).
    pub const UNKNOWN: u32 = 0;
    /// Inside `__oom_kill_process`: its entry was seen, or it stands on the stack.
    pub const KILLED: u32 = 1;
    /// Outside of it; before 5.13 as far as hooks can tell.
    pub const ALREADY_EXITING: u32 = 2;
}

/// Starts every record.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Header {
    /// One of [`kind`].
    pub kind: u32,
    /// One of [`source`].
    pub source: u32,
    /// Names the incident: `CLOCK_BOOTTIME` of its start in nanoseconds.
    pub incident: u64,
    /// `CLOCK_BOOTTIME` of this record in nanoseconds.
    pub boot_ns: u64,
    /// Which of the record's fields could be read; see the constants beside its type.
    pub present: u64,
}

/// The return of `oom_kill_process`: no more victims come.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct End {
    /// Starts it.
    pub header: Header,
}

/// What the eBPF program counts, and when it is to stop; the value of the one-element map `COUNTERS`.
#[repr(C)]
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes, KnownLayout,
)]
pub struct Counters {
    /// Marks inside `__oom_kill_process`, whichever hook saw them: what the kernel counts as `oom_kill`.
    pub kills: u64,
    /// Records that found the ring buffer full.
    pub ring_lost: u64,
    /// Written by user space: not zero once nothing more is to be written to the ring buffer.
    pub closed: u64,
}

/// What the eBPF program must know of the machine besides the [`Layout`](crate::layout::Layout);
/// the read-only global `MACHINE`.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Machine {
    /// Address of the kernel's `__per_cpu_offset`; 0 if unknown.
    pub per_cpu_offset: u64,
    /// CPUs the kernel may ever have: entries of `__per_cpu_offset`.
    pub possible_cpus: u32,
    /// 1 where `oom/mark_victim` passes the task, 0 where it passes a thread id.
    pub mark_victim_has_task: u32,
    /// 1 where the kernel has the helper `bpf_snprintf` (5.13 on).
    pub has_snprintf: u32,
    /// 1 where the kernel weighs tasks by exact sums of their counters (7.0 on).
    pub weighs_exactly: u32,
    /// Address of the variable that tells where physical memory is mapped: `page_offset_base` on
    /// x86-64, `memstart_addr` on arm64; 0 if unknown.
    pub direct_map: u64,
    /// Bytes of a page, as a power of two.
    pub page_shift: u32,
    /// 1 where the machine may have more than one memory node.
    pub has_nodes: u16,
    /// 1 where probes tell of a mark, beneath which the tracepoint is only a net.
    pub has_probes: u16,
    /// Where the code of `__oom_kill_process` starts, where `has_snprintf` is 0; 0 if unknown.
    pub kill_start: u64,
    /// Where it ends.
    pub kill_end: u64,
}

/// The most CPUs whose counters are summed; a bound for the verifier.
pub const MAX_CPUS: u32 = 1024;
