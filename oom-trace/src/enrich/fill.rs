//! What the hooks did not tell, taken from the kernel's own dump of the same shortage.
//!
//! What a hook told stays: it is as exact, or more so. Each key of the record is named here, so that one
//! that is new has to be thought of.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::incident::model::{
    Allocation, Build, Candidate, Candidates, Census, Cgroup, Chosen, Container, Counters,
    HugePages, Job, Limit, LimitEvents, Memory, Node, NodeCounters, OomFailed, OomKill, Pod,
    Pressure, Process, Protection, Scope, Sharer, Shortage, Slab, System, Trigger, Victim, Zone,
};
use crate::text::KernelText;

/// All that the victims of an incident have in common and a dump may tell.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub(super) message: Option<KernelText>,
    pub(super) shortage: Shortage,
    pub(super) chosen: Option<Chosen>,
    pub(super) candidates: Option<Candidates>,
    pub(super) census: Option<Census>,
    pub(super) system: Option<System>,
}

impl Common {
    /// Adds what a record made of the log has. Of the candidates it may know more than are asked for;
    /// those that were let go of for want of memory (`lacks`) stay away.
    pub(super) fn fill(&mut self, logged: OomKill, most: usize, lacks: &[&str]) {
        // The table lists tasks then, too, and none was weighed.
        let is_weighed = !logged.is_allocating_task();
        let OomKill {
            message,
            shortage,
            chosen,
            candidates,
            census,
            system,
            // Of the record, and of the victim, of whom there may be more.
            schema: _,
            kind: _,
            incident: _,
            origin: _,
            source: _,
            outcome: _,
            victim_index: _,
            victim_count: _,
            kill_count: _,
            killed_again: _,
            log_us: _,
            backfilled: _,
            victim: _,
            why: _,
            shrunk: _,
            // The lines that follow a dump name it, and are the hooks' to tell.
            group: _,
        } = logged;
        self.message.fill(message);
        self.shortage.fill(shortage.into_inner());
        self.chosen.fill(chosen);
        if is_weighed && !lacks.contains(&"candidates") {
            self.candidates.fill(candidates.map(|it| it.into_inner()));
            self.candidates = self.candidates.take().map(|all| at_most(all, most));
        }
        self.census.fill(census.map(|it| it.into_inner()));
        self.system.fill(system.map(|it| it.into_inner()));
    }
}

/// The same of a shortage in which nobody could be killed.
pub(super) fn fill_failed(failed: &mut OomFailed, logged: OomFailed, most: usize) {
    let OomFailed {
        shortage,
        candidates,
        census,
        system,
        schema: _,
        kind: _,
        incident: _,
        origin: _,
        source: _,
        message: _,
        failures: _,
        lasted_ms: _,
        // Made of what is told in the end.
        why: _,
    } = logged;
    failed.shortage.fill(shortage);
    // A hook keeps those that may be killed.
    if failed.candidates.as_ref().is_none_or(|told| told.top.is_empty()) {
        failed.candidates = candidates.map(|it| at_most(it, most)).or(failed.candidates.take());
    }
    failed.census.fill(census);
    failed.system.fill(system);
}

/// The same of a victim, which has to be the same one.
pub(super) fn fill_victim(victim: &mut Victim, logged: Victim) {
    victim.fill(logged);
}

fn at_most(candidates: Candidates, most: usize) -> Candidates {
    let mut top = candidates.top;
    top.truncate(most);
    Candidates { top, ..candidates }
}

/// Takes what is not known from another reading of the same.
pub(super) trait Fill {
    fn fill(&mut self, logged: Self);
}

impl<T: Fill> Fill for Option<T> {
    fn fill(&mut self, logged: Self) {
        match (self, logged) {
            (Some(told), Some(logged)) => told.fill(logged),
            (none @ None, logged) => *none = logged,
            (Some(_), None) => {}
        }
    }
}

/// Known, whatever the log says of it.
macro_rules! told {
    ($($type:ty),*) => {
        $(impl Fill for $type {
            fn fill(&mut self, _: Self) {}
        })*
    };
}

told!(bool, u32, u64, i16, i32, i64, String, KernelText, Timestamp, Counters);
// Each of these is one reading.
told!(Scope, LimitEvents, Pressure, Protection, Census);

impl Fill for Cow<'static, str> {
    fn fill(&mut self, _: Self) {}
}

/// A list is told as a whole.
macro_rules! told_lists {
    ($($type:ty),*) => {
        $(impl Fill for Vec<$type> {
            fn fill(&mut self, _: Self) {}
        })*
    };
}

told_lists!(
    String,
    KernelText,
    Limit,
    Node,
    Zone,
    NodeCounters,
    HugePages,
    Slab,
    Allocation,
    Sharer,
    Process
);

/// Whom the kernel weighed is known; of each the table may tell more.
impl Fill for Candidates {
    fn fill(&mut self, logged: Self) {
        let Self { top, largest, total: _, margin: _, decided_by_adj: _ } = logged;
        for told in self.top.iter_mut().chain(&mut self.largest) {
            let mut rows = top.iter().chain(&largest);
            if let Some(row) = rows.find(|row| row.tid == told.tid) {
                told.fill(row.clone());
            }
        }
    }
}

/// One for each time that the victim was killed, of which the log of one may be short.
impl Fill for Vec<Memory> {
    fn fill(&mut self, logged: Self) {
        self.iter_mut().zip(logged).for_each(|(told, logged)| told.fill(logged));
    }
}

/// Field by field.
macro_rules! fill {
    ($type:ty { $($field:ident),* }) => {
        impl Fill for $type {
            fn fill(&mut self, logged: Self) {
                let Self { $($field),* } = logged;
                $(self.$field.fill($field);)*
            }
        }
    };
}

fill!(Shortage {
    scope,
    constraint,
    nodemask,
    page_size_bytes,
    totalpages,
    trigger,
    limit,
    cpu,
    build,
    stack
});
fill!(Build { kernel_version, preempt, taint, hardware });
fill!(Trigger {
    pid,
    tid,
    comm,
    uid,
    oom_score_adj,
    gfp_mask,
    gfp_flags,
    order,
    cgroup,
    cpuset,
    mems_allowed,
    user_pc
});
fill!(Limit {
    cgroup,
    usage_bytes,
    max_bytes,
    failcnt,
    high_bytes,
    low_bytes,
    min_bytes,
    oom_group,
    events,
    swap_usage_bytes,
    swap_max_bytes,
    swap_failcnt,
    memsw_usage_bytes,
    memsw_max_bytes,
    memsw_failcnt,
    kmem_usage_bytes,
    kmem_max_bytes,
    kmem_failcnt,
    stat,
    ancestors
});
fill!(System {
    taken_after_ms,
    total_bytes,
    free_bytes,
    available_bytes,
    page_cache_bytes,
    slab_bytes,
    slab_unreclaimable_bytes,
    shmem_bytes,
    page_tables_bytes,
    swap_total_bytes,
    swap_free_bytes,
    commit_limit_bytes,
    committed_bytes,
    overcommit_memory,
    panic_on_oom,
    pressure_some,
    pressure_full,
    nodes,
    zones,
    node_counters,
    huge_pages,
    counters,
    unreclaimable_slabs,
    allocations,
    protection
});
fill!(Candidate { pid, tid, comm, uid, cgroup, memory, rss_bytes, oom_score_adj, badness });
fill!(Chosen { tid, comm, uid, cgroup, score });
fill!(Victim {
    pid,
    tid,
    ns_pid,
    comm,
    uid,
    gid,
    ppid,
    parent_comm,
    oom_score_adj,
    badness,
    threads,
    started,
    age_ms,
    exe,
    argv,
    argv_cut,
    user,
    login_uid,
    login_user,
    parents,
    memory,
    memory_logged,
    cgroup,
    unit,
    slice,
    container,
    pod,
    job,
    app,
    shares_mm
});
fill!(Memory {
    total_vm_bytes,
    anon_rss_bytes,
    file_rss_bytes,
    shmem_rss_bytes,
    swap_bytes,
    pgtables_bytes
});
fill!(Cgroup { path, id });
fill!(Container { id, runtime, name, image });
fill!(Pod { uid, namespace, name, container, qos });
fill!(Job { system, id, step, task, project, runner });

#[cfg(test)]
mod tests;
