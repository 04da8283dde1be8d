//! Whose memory ran out, and who asked for it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Counters;
use crate::text::KernelText;

/// A shortage: what is the same for all victims of an incident.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shortage {
    /// Whose memory ran out.
    pub scope: Option<Scope>,
    /// `enum oom_constraint` by its kernel name, such as `CONSTRAINT_MEMCG`.
    pub constraint: Option<Cow<'static, str>>,
    /// The nodes that the allocation was bound to, as the kernel's list format; `None` if unbound.
    pub nodemask: Option<String>,
    /// Bytes of the pages that `totalpages` and badness are counted in.
    pub page_size_bytes: Option<u64>,
    /// `oom_control.totalpages`: the pages that `badness` was weighed against.
    pub totalpages: Option<u64>,
    /// The task whose allocation ran out.
    pub trigger: Option<Trigger>,
    /// The cgroup whose limit was hit; `None` for a shortage of the whole machine.
    pub limit: Option<Limit>,
    /// The CPU that the trigger ran on.
    pub cpu: Option<u32>,
    /// What the head of a kernel dump says of the kernel and the machine.
    #[serde(flatten)]
    pub build: Build,
    /// The kernel stack of the trigger from the caller of `oom_kill_process` on, innermost first,
    /// `function+0xoff/0xsize`.
    pub stack: Option<Vec<String>>,
}

/// What the head of a kernel dump says of the kernel and the machine (`dump_stack_print_info`,
/// lib/dump_stack.c).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// `uname -v`.
    pub kernel_version: Option<String>,
    /// The preemption model, from 6.15 on: `PREEMPT(lazy)`.
    pub preempt: Option<String>,
    /// `Not tainted`, or `Tainted: ` and the letters.
    pub taint: Option<String>,
    /// What stands behind `Hardware name: `.
    pub hardware: Option<String>,
}

/// Whose memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The machine's.
    Global,
    /// A memory cgroup's.
    Memcg,
    /// That of the nodes a cpuset allows.
    Cpuset,
    /// That of the nodes a memory policy allows.
    Mempolicy,
    /// Nobody's: a kill by hand, sysrq `f`.
    Sysrq,
}

/// `enum oom_constraint` (include/linux/oom.h) in its order, the same in all kernels from 5.10 to
/// 7.3, and whose memory ran out. A kill by hand has no constraint, too: its order tells.
pub const CONSTRAINTS: [(&str, Scope); 4] = [
    ("CONSTRAINT_NONE", Scope::Global),
    ("CONSTRAINT_CPUSET", Scope::Cpuset),
    ("CONSTRAINT_MEMORY_POLICY", Scope::Mempolicy),
    ("CONSTRAINT_MEMCG", Scope::Memcg),
];

/// The order of a kill by hand (`is_sysrq_oom`, mm/oom_kill.c).
pub const SYSRQ_ORDER: i32 = -1;

/// The task whose allocation ran out (`current` in the hook).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Process id (tgid) in the initial pid namespace.
    pub pid: Option<u32>,
    /// Thread id.
    pub tid: Option<u32>,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// Real uid in the initial user namespace.
    pub uid: Option<u32>,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// The hex text the kernel prints, such as `0xcc0`.
    pub gfp_mask: Option<String>,
    /// The flag names as this kernel's `%pGg` prints them, in its order.
    pub gfp_flags: Option<Vec<String>>,
    /// The allocation's order; -1 for sysrq.
    pub order: Option<i32>,
    /// Where it was in its program when it entered the kernel, in hex.
    pub user_pc: Option<String>,
    /// The path of its memory cgroup.
    pub cgroup: Option<KernelText>,
    /// The name (last component) of its cpuset cgroup.
    pub cpuset: Option<KernelText>,
    /// The nodes its cpuset allows, as the kernel's list format.
    pub mems_allowed: Option<String>,
}

/// The cgroup whose limit was hit. Cgroup v2 limits swap, v1 memory and swap together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Path.
    pub cgroup: Option<KernelText>,
    /// `memory.current`; on v1 `memory.usage_in_bytes`.
    pub usage_bytes: Option<u64>,
    /// `memory.max`; `None` also for "no limit".
    pub max_bytes: Option<u64>,
    /// How often usage met the limit.
    pub failcnt: Option<u64>,
    /// `memory.high`: above it, it is slowed down; `None` also for "no limit", and on v1.
    pub high_bytes: Option<u64>,
    /// `memory.low`: below it, others are reclaimed from first.
    pub low_bytes: Option<u64>,
    /// `memory.min`: below it, nothing is reclaimed.
    pub min_bytes: Option<u64>,
    /// `memory.oom.group`
    pub oom_group: Option<bool>,
    /// `memory.events` at the decision: `oom` counts it, `oom_kill` not yet.
    pub events: Option<LimitEvents>,
    /// `memory.swap.current`.
    pub swap_usage_bytes: Option<u64>,
    /// `memory.swap.max`; `None` also for "no limit".
    pub swap_max_bytes: Option<u64>,
    /// How often usage of swap met its limit.
    pub swap_failcnt: Option<u64>,
    /// `memory.memsw.usage_in_bytes` of v1.
    pub memsw_usage_bytes: Option<u64>,
    /// `memory.memsw.limit_in_bytes` of v1; `None` also for "no limit".
    pub memsw_max_bytes: Option<u64>,
    /// `memory.memsw.failcnt` of v1.
    pub memsw_failcnt: Option<u64>,
    /// `memory.kmem.usage_in_bytes` of v1.
    pub kmem_usage_bytes: Option<u64>,
    /// `memory.kmem.limit_in_bytes` of v1; `None` also for "no limit".
    pub kmem_max_bytes: Option<u64>,
    /// `memory.kmem.failcnt` of v1.
    pub kmem_failcnt: Option<u64>,
    /// `memory.stat`, by the kernel's names: bytes and events.
    pub stat: Option<Counters>,
    /// The cgroups above it, nearest first.
    pub ancestors: Option<Vec<Self>>,
}

/// What a cgroup has come to so far (`enum memcg_memory_event`, include/linux/memcontrol.h).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitEvents {
    /// It was reclaimed from although below `memory.low`.
    pub low: Option<u64>,
    /// It was slowed down for `memory.high`.
    pub high: Option<u64>,
    /// It met `memory.max`.
    pub max: Option<u64>,
    /// It was about to fail an allocation.
    pub oom: Option<u64>,
    /// Processes in it were killed.
    pub oom_kill: Option<u64>,
    /// It was killed as a whole; `None` before 5.17.
    pub oom_group_kill: Option<u64>,
}
