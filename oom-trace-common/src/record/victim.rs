//! Who dies.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{COMM_LEN, Header, RSS_COUNTERS};

/// A task passed to `mark_oom_victim`.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Victim {
    /// Starts it.
    pub header: Header,
    /// `task->group_leader->start_boottime`, in nanoseconds: when the process started, whichever of its
    /// threads was marked. With `pid` it names the process.
    pub start_boottime: u64,
    /// `mm->total_vm`, in pages.
    pub total_vm: u64,
    /// `mm->pgtables_bytes`.
    pub pgtables_bytes: u64,
    /// `kernfs_node.id` of its cgroup.
    pub cgroup_id: u64,
    /// File, anonymous, swap and shared memory in pages, without the per-CPU parts.
    pub rss_count: [i64; RSS_COUNTERS],
    /// The same with the per-CPU parts.
    pub rss_sum: [i64; RSS_COUNTERS],
    /// One of [`super::outcome`].
    pub outcome: u32,
    /// `task->pid`.
    pub tid: u32,
    /// `task->tgid`.
    pub pid: u32,
    /// The process id in the task's own pid namespace.
    pub ns_pid: u32,
    /// `task->real_cred->uid`.
    pub uid: u32,
    /// `task->real_cred->gid`.
    pub gid: u32,
    /// `task->real_parent->tgid`.
    pub ppid: u32,
    /// `task->signal->nr_threads`.
    pub threads: u32,
    /// `task->signal->oom_score_adj`.
    pub oom_score_adj: i32,
    /// Bytes of its cgroup's path.
    pub path_len: u32,
    /// `task->comm`.
    pub comm: [u8; COMM_LEN],
    /// `task->real_parent->group_leader->comm`.
    pub parent_comm: [u8; COMM_LEN],
}

/// Places in [`Victim::rss_count`] and [`Victim::rss_sum`].
pub mod rss {
    /// `MM_FILEPAGES`
    pub const FILE: usize = 0;
    /// `MM_ANONPAGES`
    pub const ANON: usize = 1;
    /// `MM_SWAPENTS`
    pub const SWAP: usize = 2;
    /// `MM_SHMEMPAGES`
    pub const SHMEM: usize = 3;
}

/// The bits of a [`Victim`]'s `present`.
pub mod victim_field {
    /// `start_boottime`
    pub const START_BOOTTIME: u64 = 1 << 0;
    /// `total_vm`
    pub const TOTAL_VM: u64 = 1 << 1;
    /// `pgtables_bytes`
    pub const PGTABLES_BYTES: u64 = 1 << 2;
    /// `cgroup_id`
    pub const CGROUP_ID: u64 = 1 << 3;
    /// `pid`; unset where the tracepoint gives only a thread id.
    pub const PID: u64 = 1 << 4;
    /// `ns_pid`
    pub const NS_PID: u64 = 1 << 5;
    /// `uid`
    pub const UID: u64 = 1 << 6;
    /// `gid`
    pub const GID: u64 = 1 << 7;
    /// `ppid`
    pub const PPID: u64 = 1 << 8;
    /// `threads`
    pub const THREADS: u64 = 1 << 9;
    /// `oom_score_adj`
    pub const OOM_SCORE_ADJ: u64 = 1 << 10;
    /// The path
    pub const PATH: u64 = 1 << 11;
    /// `comm`
    pub const COMM: u64 = 1 << 12;
    /// `parent_comm`
    pub const PARENT_COMM: u64 = 1 << 13;
    /// The path is that of the last victim of the incident that came with one.
    pub const SAME_PATH: u64 = 1 << 14;
    /// The first of four bits, one for each place of `rss_count`
    pub const RSS_COUNT: u64 = 1 << 16;
    /// The first of four bits, one for each place of `rss_sum`
    pub const RSS_SUM: u64 = 1 << 20;
}

/// A process that shares a victim's memory and was signalled with it, never marked. It follows the
/// victim.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Sharer {
    /// Starts it.
    pub header: Header,
    /// `task->tgid`.
    pub pid: u32,
    /// `task->pid`.
    pub tid: u32,
    /// `task->comm`.
    pub comm: [u8; COMM_LEN],
}

/// The cgroup whose `memory.oom.group` makes the kernel kill all of its processes.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Group {
    /// Starts it.
    pub header: Header,
    /// Bytes of its path; 0 with nothing present if it could not be read.
    pub path_len: u64,
}

/// The bit of a [`Sharer`]'s `present` for `comm`, and of a [`Group`]'s for its path.
pub const NAME_PRESENT: u64 = 1;

/// Bytes of arguments that are kept.
pub const ARGV_LEN: usize = 4096;
/// Parents that are kept.
pub const PARENTS: usize = 16;

/// What a victim was. It follows the victim, and is followed by the path of its executable, and that
/// by its arguments, each ended by NUL.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Command {
    /// Starts it.
    pub header: Header,
    /// `task->tgid` of the victim.
    pub pid: u32,
    /// `task->loginuid`.
    pub login_uid: u32,
    /// Where the executable's path ends.
    pub exe_end: u32,
    /// Where the arguments end.
    pub argv_end: u32,
    /// 1 if there are more of them: than [`ARGV_LEN`] bytes, or than were in memory.
    pub argv_cut: u32,
    /// Entries of `parents`.
    pub parents_len: u32,
    /// Its parent first.
    pub parents: [Parent; PARENTS],
}

/// A process above a victim.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Parent {
    /// `task->tgid`
    pub pid: u32,
    /// `task->comm`
    pub comm: [u8; COMM_LEN],
}

/// The bits of a [`Command`]'s `present`.
pub mod command_field {
    /// The executable's path
    pub const EXE: u64 = 1 << 0;
    /// The arguments
    pub const ARGV: u64 = 1 << 1;
    /// `login_uid`
    pub const LOGIN_UID: u64 = 1 << 2;
}
