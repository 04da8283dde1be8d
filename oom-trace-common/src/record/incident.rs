//! A shortage, and how the limit stood.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{CANDIDATES, COMM_LEN, Header, MESSAGE_LEN, NAME_LEN, NODEMASK_LEN, STACK_LEN};

/// The most paths of an incident: of the limit, of the chosen task, of the trigger and of the candidates, the
/// largest beside the first. Each cgroup has one.
pub const PATHS: usize = 3 + CANDIDATES + 1;

/// The place of no path.
pub const NO_PATH: u32 = u32::MAX;

/// What a memory cgroup has used, and may use.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Usage {
    /// `memory.usage`, in pages.
    pub memory: u64,
    /// `memory.max`, in pages.
    pub memory_max: u64,
    /// `memory.failcnt`.
    pub memory_failcnt: u64,
    /// `memory_events[MEMCG_MAX]`.
    pub memory_events: u64,
    /// `swap.usage`, in pages; on cgroup v1 that of `memsw`, which shares its place.
    pub swap: u64,
    /// `swap.max`, in pages.
    pub swap_max: u64,
    /// `swap.failcnt`.
    pub swap_failcnt: u64,
    /// `memory_events[MEMCG_SWAP_MAX]`.
    pub swap_events: u64,
    /// `kmem.usage`, in pages.
    pub kmem: u64,
    /// `kmem.max`, in pages.
    pub kmem_max: u64,
    /// `kmem.failcnt`.
    pub kmem_failcnt: u64,
}

/// The bits of a [`Usage`] in the `present` of the record that has it.
pub mod usage_field {
    /// `memory`
    pub const MEMORY: u64 = 1 << 32;
    /// `memory_max`
    pub const MEMORY_MAX: u64 = 1 << 33;
    /// `memory_failcnt`
    pub const MEMORY_FAILCNT: u64 = 1 << 34;
    /// `memory_events`
    pub const MEMORY_EVENTS: u64 = 1 << 35;
    /// `swap`
    pub const SWAP: u64 = 1 << 36;
    /// `swap_max`
    pub const SWAP_MAX: u64 = 1 << 37;
    /// `swap_failcnt`
    pub const SWAP_FAILCNT: u64 = 1 << 38;
    /// `swap_events`
    pub const SWAP_EVENTS: u64 = 1 << 39;
    /// `kmem`
    pub const KMEM: u64 = 1 << 40;
    /// `kmem_max`
    pub const KMEM_MAX: u64 = 1 << 41;
    /// `kmem_failcnt`
    pub const KMEM_FAILCNT: u64 = 1 << 42;
    /// All of them.
    pub const ALL: u64 = (1 << 43) - (1 << 32);
}

/// How the limit cgroup stood when the kernel printed it, some milliseconds after it decided.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Printed {
    /// Starts it.
    pub header: Header,
    /// What is printed.
    pub usage: Usage,
}

/// The entry of `oom_kill_process`, or what is known of an incident whose entry no hook saw.
///
/// Behind it stand the levels, the limit first, the candidates, the paths and the symbols.
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
    /// Tasks weighed in all.
    pub weighed: u64,
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
    /// The place of the limit cgroup's path among those behind it, or [`NO_PATH`].
    pub limit_path: u32,
    /// Likewise of the chosen task's memory cgroup.
    pub chosen_path: u32,
    /// Likewise of the trigger's.
    pub trigger_path: u32,
    /// [`Level`](super::Level)s behind it.
    pub levels_len: u32,
    /// [`Candidate`](super::Candidate)s behind those.
    pub candidates_len: u32,
    /// Paths behind those.
    pub paths_len: u32,
    /// Which of the paths could be read, bit 0 for the first.
    pub readable: u32,
    /// Which frames of `stack` come with their symbols, bit 0 for the first.
    pub named: u32,
    /// The CPU it happened on.
    pub cpu: u32,
    /// `cgroup_root.hierarchy_id` of the limit cgroup: 0 for cgroup v2.
    pub limit_hierarchy: u32,
    /// Bytes of `nodemask` and `mems_allowed` that this kernel has.
    pub nodemask_len: u32,
    /// Frames of `stack`.
    pub stack_len: u32,
    /// Where each path ends, from the first on.
    pub path_ends: [u32; PATHS],
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
    /// `trigger_uid`
    pub const TRIGGER_UID: u64 = 1 << 2;
    /// `trigger_oom_score_adj`
    pub const TRIGGER_OOM_SCORE_ADJ: u64 = 1 << 3;
    /// `gfp_mask`
    pub const GFP_MASK: u64 = 1 << 4;
    /// `order`
    pub const ORDER: u64 = 1 << 5;
    /// `constraint`
    pub const CONSTRAINT: u64 = 1 << 6;
    /// `chosen_pid` and `chosen_tid`
    pub const CHOSEN: u64 = 1 << 7;
    /// `chosen_uid`
    pub const CHOSEN_UID: u64 = 1 << 8;
    /// `limit`
    pub const LIMIT: u64 = 1 << 9;
    /// `has_nodemask` and `nodemask`
    pub const NODEMASK: u64 = 1 << 10;
    /// `mems_allowed`
    pub const MEMS_ALLOWED: u64 = 1 << 11;
    /// `trigger_comm`
    pub const TRIGGER_COMM: u64 = 1 << 12;
    /// `chosen_comm`
    pub const CHOSEN_COMM: u64 = 1 << 13;
    /// `message`
    pub const MESSAGE: u64 = 1 << 14;
    /// `cpuset`
    pub const CPUSET: u64 = 1 << 15;
    /// `limit_hierarchy`
    pub const LIMIT_HIERARCHY: u64 = 1 << 16;
}
