//! Who else could have died.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{COMM_LEN, RSS_COUNTERS};

/// The most tasks that are kept of those the kernel weighed; a power of two, and what `--candidates`
/// may ask for.
pub const CANDIDATES: usize = 16;

/// A task that the kernel weighed, as it stood then.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Candidate {
    /// Which of its fields could be read: bits of [`candidate_field`].
    pub present: u64,
    /// As `oom_badness` (mm/oom_kill.c) has it, in pages.
    pub badness: i64,
    /// Resident, swapped and page-table pages: badness without `oom_score_adj`.
    pub held: u64,
    /// `mm->total_vm`, in pages.
    pub total_vm: u64,
    /// `mm->pgtables_bytes`.
    pub pgtables_bytes: u64,
    /// File, anonymous, swap and shared memory in pages, as the kernel weighed them; see
    /// [`super::rss`].
    pub rss: [i64; RSS_COUNTERS],
    /// `task->tgid`.
    pub pid: u32,
    /// `task->pid`.
    pub tid: u32,
    /// `task->signal->oom_score_adj`.
    pub oom_score_adj: i32,
    /// One of [`role`].
    pub role: u32,
    /// The place of its memory cgroup's path among the incident's.
    pub path: u32,
    /// Room to a multiple of 8 bytes.
    pub reserved: u32,
    /// `task->comm`.
    pub comm: [u8; COMM_LEN],
}

/// Why a [`Candidate`] was kept.
pub mod role {
    /// It is among those with the most badness.
    pub const TOP: u32 = 1;
    /// It holds the most.
    pub const LARGEST: u32 = 2;
}

/// The bits of a [`Candidate`]'s `present`.
pub mod candidate_field {
    /// `comm`
    pub const COMM: u64 = 1 << 0;
    /// `oom_score_adj`
    pub const OOM_SCORE_ADJ: u64 = 1 << 2;
    /// `badness`; unset if the kernel may not kill it.
    pub const BADNESS: u64 = 1 << 3;
    /// `total_vm`
    pub const TOTAL_VM: u64 = 1 << 4;
    /// `pgtables_bytes`
    pub const PGTABLES_BYTES: u64 = 1 << 5;
    /// The first of four bits, one for each place of `rss`
    pub const RSS: u64 = 1 << 8;
}
