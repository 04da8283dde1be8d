//! What a record takes in memory.

use std::borrow::Cow;
use std::mem::{size_of, size_of_val};

use jiff::Timestamp;

use super::{
    Agent, Allocation, Build, Candidate, Candidates, Census, Cgroup, CgroupGroup, Chosen,
    Container, Counters, FreeBlocks, Guess, HugePages, Job, KilledAgain, Limit, LimitEvents,
    Memory, Missing, NameGroup, Node, NodeCounters, OomExit, OomFailed, OomKill, OomPanic, Origin,
    Pod, Pressure, Process, Protection, Record, Sharer, Shortage, Slab, Sum, System, Trigger,
    UserKill, Victim, Why, Zone,
};
use crate::text::KernelText;

/// Bytes that a record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Its own.
    pub own: usize,
    /// Those of what all records of its incident share, counted in each of them.
    pub shared: usize,
}

impl Record {
    /// An estimate, from above: the sizes of its structures, the length of each text and list, and the
    /// shared counts of texts; not what the allocator adds.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::OomKill(kill) => kill.weight(),
            Self::OomPanic(panic) => Weight { own: whole(&**panic), shared: 0 },
            Self::OomFailed(failed) => Weight { own: whole(&**failed), shared: 0 },
            Self::UserKill(kill) => Weight { own: whole(&**kill), shared: 0 },
            Self::OomExit(exit) => Weight { own: whole(&**exit), shared: 0 },
            Self::Agent(agent) => Weight { own: whole(&**agent), shared: 0 },
        }
    }

    /// Whether it shares what can be shared with this other one: then that takes room once.
    #[must_use]
    pub fn shares_with(&self, other: &Self) -> bool {
        let parts = |record: &Self| {
            let kill = record.kill()?;
            let candidates = kill.candidates.as_ref().map(super::Shared::address);
            let census = kill.census.as_ref().map(super::Shared::address);
            let system = kill.system.as_ref().map(super::Shared::address);
            Some((kill.shortage.address(), candidates, census, system))
        };
        parts(self).is_some_and(|mine| parts(other) == Some(mine))
    }
}

impl OomKill {
    fn weight(&self) -> Weight {
        let Self {
            schema: _,
            kind: _,
            incident,
            origin,
            source: _,
            outcome: _,
            victim_index: _,
            victim_count: _,
            kill_count: _,
            killed_again,
            log_us: _,
            backfilled: _,
            message,
            shortage,
            chosen,
            victim,
            group,
            candidates,
            census,
            system,
            why,
            shrunk,
        } = self;
        let own = [
            incident.heap(),
            origin.heap(),
            killed_again.heap(),
            victim.heap(),
            why.heap(),
            shrunk.heap(),
        ];
        let shared = [
            whole(&**shortage),
            candidates.as_deref().map_or(0, whole),
            census.as_deref().map_or(0, whole),
            system.as_deref().map_or(0, whole),
            message.heap(),
            chosen.heap(),
            group.heap(),
        ];
        Weight { own: size_of::<Self>() + own.iter().sum::<usize>(), shared: shared.iter().sum() }
    }
}

fn whole<T: Heap>(value: &T) -> usize {
    size_of_val(value) + value.heap()
}

/// What a value takes beside itself.
trait Heap {
    fn heap(&self) -> usize;
}

impl Heap for KilledAgain {
    fn heap(&self) -> usize {
        0
    }
}

impl Heap for String {
    fn heap(&self) -> usize {
        self.len()
    }
}

impl Heap for Cow<'static, str> {
    fn heap(&self) -> usize {
        match self {
            Cow::Borrowed(_) => 0,
            Cow::Owned(text) => text.len(),
        }
    }
}

impl Heap for KernelText {
    fn heap(&self) -> usize {
        2 * size_of::<usize>() + self.as_bytes().len()
    }
}

impl<T: Heap> Heap for Option<T> {
    fn heap(&self) -> usize {
        self.as_ref().map_or(0, Heap::heap)
    }
}

/// The nodes of its tree have room for eleven entries, and are at least five full (B = 6 in `std`).
impl Heap for Counters {
    fn heap(&self) -> usize {
        let entry = size_of::<(String, u64)>();
        let nodes = self.len().div_ceil(5) * (11 * entry + 13 * size_of::<usize>());
        nodes + self.keys().map(Heap::heap).sum::<usize>()
    }
}

impl<T: Heap> Heap for Vec<T> {
    fn heap(&self) -> usize {
        self.iter().map(whole).sum()
    }
}

/// Of these fields.
macro_rules! heap {
    ($type:ty { $($field:ident),* } plain { $($plain:ident),* }) => {
        impl Heap for $type {
            fn heap(&self) -> usize {
                // A field that is new must be named here.
                let Self { $($field,)* $($plain: _,)* } = self;
                0 $(+ $field.heap())*
            }
        }
    };
}

macro_rules! nothing {
    ($($type:ty),*) => {
        $(impl Heap for $type {
            fn heap(&self) -> usize {
                0
            }
        })*
    };
}

nothing!(
    u32,
    u64,
    Timestamp,
    Guess,
    Memory,
    Sum,
    LimitEvents,
    Pressure,
    Node,
    HugePages,
    Protection
);

heap!(Origin { time_guessed, boot_id, host, kernel } plain { time, boot_ns });
heap!(Build { kernel_version, preempt, taint, hardware } plain {});
heap!(Shortage { constraint, nodemask, trigger, limit, build, stack }
    plain { scope, page_size_bytes, totalpages, cpu });
heap!(Trigger { comm, gfp_mask, gfp_flags, user_pc, cgroup, cpuset, mems_allowed }
    plain { pid, tid, uid, oom_score_adj, order });
heap!(Limit { cgroup, stat, ancestors } plain {
    usage_bytes, max_bytes, failcnt, high_bytes, low_bytes, min_bytes, oom_group, events,
    swap_usage_bytes, swap_max_bytes, swap_failcnt, memsw_usage_bytes, memsw_max_bytes,
    memsw_failcnt, kmem_usage_bytes, kmem_max_bytes, kmem_failcnt
});
heap!(Candidates { top, largest } plain { total, margin, decided_by_adj });
heap!(Candidate { comm, cgroup } plain { pid, tid, uid, memory, rss_bytes, oom_score_adj, badness });
heap!(Census { by_name, by_cgroup } plain { total, other_names, other_cgroups });
heap!(Slab { name } plain { used_bytes, total_bytes });
heap!(Allocation { file, module, function } plain { bytes, calls, line });
heap!(NameGroup { comm } plain { sum });
heap!(CgroupGroup { cgroup } plain { sum });
heap!(System { nodes, zones, node_counters, huge_pages, counters, unreclaimable_slabs, allocations } plain {
    taken_after_ms, total_bytes, free_bytes, available_bytes, page_cache_bytes, slab_bytes,
    slab_unreclaimable_bytes, shmem_bytes, page_tables_bytes, swap_total_bytes, swap_free_bytes,
    commit_limit_bytes, committed_bytes, overcommit_memory, panic_on_oom, pressure_some,
    pressure_full, protection
});
heap!(Zone { name, counters, lowmem_reserve, free_blocks } plain {
    node, free_bytes, min_bytes, low_bytes, high_bytes, boost_bytes, highatomic_bytes,
    free_cma_bytes, present_bytes, managed_bytes, free_blocks_bytes
});
heap!(FreeBlocks { types } plain { bytes, count });
heap!(NodeCounters { counters } plain { node, all_unreclaimable });
heap!(Chosen { comm, cgroup } plain { tid, score, uid });
heap!(Victim {
    comm, parent_comm, exe, argv, user, login_user, parents, memory_logged, cgroup, unit, slice,
    container, pod, job, app, shares_mm
} plain {
    pid, tid, ns_pid, uid, gid, ppid, oom_score_adj, badness, threads, started, age_ms, argv_cut,
    login_uid, memory
});
heap!(Process { comm } plain { pid });
heap!(Sharer { comm } plain { pid });
heap!(Cgroup { path } plain { id });
heap!(Container { id, runtime, name, image } plain {});
heap!(Pod { uid, namespace, name, container, qos } plain {});
heap!(Job { system, id, step, task, project, runner } plain {});
heap!(Why { summary, hints } plain {});
heap!(OomPanic { incident, origin, message, shortage, candidates, census, system, why }
    plain { schema, kind, source });
heap!(OomFailed { incident, origin, message, shortage, candidates, census, system, why }
    plain { schema, kind, source, failures, lasted_ms });
heap!(UserKill { incident, origin, by, signal, comm, cgroup, pod, message }
    plain { schema, kind, source, action, pid, uid, rss_bytes, swap_bytes });
heap!(OomExit { incident, origin, comm } plain {
    schema, kind, source, pid, tid, state, freed_after_ms, stuck_for_ms, by, kill_missing, left
});
heap!(Agent { origin, version, message, hooks, missing }
    plain { schema, kind, event, totals, kernel_kills_since_boot });
heap!(Missing { field, reason } plain {});
