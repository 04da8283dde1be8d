//! The memory of a victim is back.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{COMM_LEN, Header, RSS_COUNTERS};

/// The memory of a victim is back. `boot_ns` of the header is when.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Freed {
    /// Starts it; `incident` is that of the mark.
    pub header: Header,
    /// `CLOCK_BOOTTIME` of the mark, in nanoseconds.
    pub marked_ns: u64,
    /// `task->group_leader->start_boottime` of the victim, in nanoseconds; 0 if it could not be read.
    pub start_boottime: u64,
    /// `mm->pgtables_bytes` that is left.
    pub pgtables_bytes: u64,
    /// What is left, in pages; see [`super::rss`].
    pub rss: [i64; RSS_COUNTERS],
    /// `task->tgid` of the victim.
    pub pid: u32,
    /// `task->pid`
    pub tid: u32,
    /// One of [`by`].
    pub by: u32,
    /// Room to a multiple of 8 bytes.
    pub reserved: u32,
    /// `task->comm` at the mark.
    pub comm: [u8; COMM_LEN],
}

/// Who gave it back.
pub mod by {
    /// The process when it exited: `exit_mmap` (mm/mmap.c) returned.
    pub const EXIT: u32 = 1;
    /// The kernel's reaper: tracepoint `oom/finish_task_reaping`.
    pub const REAPER: u32 = 2;
}

/// The bits of a [`Freed`]'s `present`.
pub mod freed_field {
    /// `comm`
    pub const COMM: u64 = 1 << 0;
    /// `pgtables_bytes`
    pub const PGTABLES_BYTES: u64 = 1 << 1;
    /// The first of four bits, one for each place of `rss`
    pub const RSS: u64 = 1 << 8;
}
