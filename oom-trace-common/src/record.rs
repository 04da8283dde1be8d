//! The records of the ring buffer, in the byte order of the machine.
//!
//! Each starts with a [`Header`]. [`Incident`] and [`Victim`] are followed by their paths.
//!
//! A path is the names of a cgroup and its ancestors, the leaf first, each ended by NUL, the root
//! left out: `/a/b` is `b\0a\0`, the root is nothing at all. The paths of a record stand one after
//! the other in the order of the fields that tell their lengths.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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
/// Steps from a cgroup up to its root that are walked, the root's included.
pub const PATH_DEPTH: u32 = 32;
/// Room for the paths of one record.
pub const PATHS_LEN: usize = 8192;
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

/// What the hooks around the mark say of it.
pub mod outcome {
    /// No hook could tell.
    pub const UNKNOWN: u32 = 0;
    /// Inside `__oom_kill_process`.
    pub const KILLED: u32 = 1;
    /// Outside of it.
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

/// The entry of `oom_kill_process`, or what is known of an incident whose entry no hook saw.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Incident {
    /// Starts it.
    pub header: Header,
    /// `oom_control.totalpages`, in pages.
    pub totalpages: u64,
    /// `oom_control.chosen_points`, in pages.
    pub chosen_points: i64,
    /// `oom_control.memcg`: an address, 0 for a shortage of the whole machine.
    pub limit: u64,
    /// 1 if the allocation was bound to `nodemask`.
    pub has_nodemask: u64,
    /// `memory.usage` of the limit cgroup, in pages.
    pub limit_usage: u64,
    /// `memory.max` of the limit cgroup, in pages.
    pub limit_max: u64,
    /// `swap.usage` of the limit cgroup, in pages.
    pub limit_swap_usage: u64,
    /// `swap.max` of the limit cgroup, in pages.
    pub limit_swap_max: u64,
    /// `current->tgid`.
    pub trigger_pid: u32,
    /// `current->pid`.
    pub trigger_tid: u32,
    /// `current->real_cred->uid`.
    pub trigger_uid: u32,
    /// `current->signal->oom_score_adj`.
    pub trigger_oom_score_adj: i32,
    /// `oom_control.gfp_mask`.
    pub gfp_mask: u32,
    /// `oom_control.order`.
    pub order: i32,
    /// `oom_control.constraint`, an `enum oom_constraint`.
    pub constraint: u32,
    /// `chosen->tgid`.
    pub chosen_pid: u32,
    /// `chosen->pid`.
    pub chosen_tid: u32,
    /// `chosen->real_cred->uid`.
    pub chosen_uid: u32,
    /// Where the limit cgroup's path ends; it starts the paths.
    pub limit_path_end: u32,
    /// Where the chosen task's path, the next, ends.
    pub chosen_path_end: u32,
    /// Where the trigger's path, the last, ends.
    pub trigger_path_end: u32,
    /// Bytes of `nodemask` and `mems_allowed` that this kernel has.
    pub nodemask_len: u32,
    /// Frames of `stack`.
    pub stack_len: u64,
    /// `current->comm`.
    pub trigger_comm: [u8; COMM_LEN],
    /// `chosen->comm`.
    pub chosen_comm: [u8; COMM_LEN],
    /// The second argument of `oom_kill_process`.
    pub message: [u8; MESSAGE_LEN],
    /// `*oom_control.nodemask`, `unsigned long`s.
    pub nodemask: [u8; NODEMASK_LEN],
    /// `current->mems_allowed`, `unsigned long`s.
    pub mems_allowed: [u8; NODEMASK_LEN],
    /// The name of the trigger's cpuset cgroup; empty for the root.
    pub cpuset: [u8; NAME_LEN],
    /// Return addresses of the trigger's kernel stack.
    pub stack: [u64; STACK_LEN],
}

/// The bits of an [`Incident`]'s `present`.
pub mod incident_field {
    /// `totalpages`
    pub const TOTALPAGES: u64 = 1 << 0;
    /// `chosen_points`
    pub const CHOSEN_POINTS: u64 = 1 << 1;
    /// `limit_usage`
    pub const LIMIT_USAGE: u64 = 1 << 2;
    /// `limit_max`
    pub const LIMIT_MAX: u64 = 1 << 3;
    /// `limit_swap_usage`
    pub const LIMIT_SWAP_USAGE: u64 = 1 << 4;
    /// `limit_swap_max`
    pub const LIMIT_SWAP_MAX: u64 = 1 << 5;
    /// `trigger_uid`
    pub const TRIGGER_UID: u64 = 1 << 6;
    /// `trigger_oom_score_adj`
    pub const TRIGGER_OOM_SCORE_ADJ: u64 = 1 << 7;
    /// `gfp_mask`
    pub const GFP_MASK: u64 = 1 << 8;
    /// `order`
    pub const ORDER: u64 = 1 << 9;
    /// `constraint`
    pub const CONSTRAINT: u64 = 1 << 10;
    /// `chosen_pid` and `chosen_tid`
    pub const CHOSEN: u64 = 1 << 11;
    /// `chosen_uid`
    pub const CHOSEN_UID: u64 = 1 << 12;
    /// `limit`
    pub const LIMIT: u64 = 1 << 13;
    /// `has_nodemask` and `nodemask`
    pub const NODEMASK: u64 = 1 << 14;
    /// `mems_allowed`
    pub const MEMS_ALLOWED: u64 = 1 << 15;
    /// The limit cgroup's path
    pub const LIMIT_PATH: u64 = 1 << 16;
    /// The trigger's path
    pub const TRIGGER_PATH: u64 = 1 << 17;
    /// The chosen task's path
    pub const CHOSEN_PATH: u64 = 1 << 18;
    /// `trigger_comm`
    pub const TRIGGER_COMM: u64 = 1 << 19;
    /// `chosen_comm`
    pub const CHOSEN_COMM: u64 = 1 << 20;
    /// `message`
    pub const MESSAGE: u64 = 1 << 21;
    /// `cpuset`
    pub const CPUSET: u64 = 1 << 22;
}

/// A task passed to `mark_oom_victim`.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Victim {
    /// Starts it.
    pub header: Header,
    /// `task->start_boottime`, in nanoseconds.
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
    /// One of [`outcome`].
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
    /// The first of four bits, one for each place of `rss_count`
    pub const RSS_COUNT: u64 = 1 << 16;
    /// The first of four bits, one for each place of `rss_sum`
    pub const RSS_SUM: u64 = 1 << 20;
}

/// The return of `oom_kill_process`: no more victims come.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct End {
    /// Starts it.
    pub header: Header,
}

/// What the eBPF program counts; the value of the one-element map `COUNTERS`.
#[repr(C)]
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes, KnownLayout,
)]
pub struct Counters {
    /// Marks inside `__oom_kill_process`: what the kernel counts as `oom_kill`.
    pub kills: u64,
    /// Records that found the ring buffer full.
    pub ring_lost: u64,
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
}

/// The most CPUs whose counters are summed; a bound for the verifier.
pub const MAX_CPUS: u32 = 1024;
