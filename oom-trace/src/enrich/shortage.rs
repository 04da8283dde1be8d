//! Whose memory ran out, and who asked for it.

use super::{Enricher, nodes, stack};
use crate::incident::model;
use crate::incident::model::{CONSTRAINTS, SYSRQ_ORDER};
use crate::text::KernelText;
use crate::wire::{Chosen, Incident, Trigger};

/// `CONSTRAINT_NONE` (include/linux/oom.h)
const CONSTRAINT_NONE: u32 = 0;

impl Enricher {
    pub(super) fn shortage(
        &self,
        start: Option<&Incident>,
        frames: Option<&[String]>,
    ) -> model::Shortage {
        let build = self.build_reader.build();
        let Some(start) = start else {
            return model::Shortage {
                page_size_bytes: Some(self.page_size),
                build,
                ..model::Shortage::default()
            };
        };
        let constraint =
            start.constraint.and_then(|constraint| CONSTRAINTS.get(constraint as usize));
        let scope = match start.order {
            Some(SYSRQ_ORDER) => Some(model::Scope::Sysrq),
            _ => constraint.map(|&(_, scope)| scope).or_else(|| stack::scope(frames?)),
        };
        model::Shortage {
            scope,
            constraint: constraint.map(|&(name, _)| name.into()),
            nodemask: start.nodemask.as_deref().map(nodes::list),
            page_size_bytes: Some(self.page_size),
            totalpages: start.totalpages,
            trigger: Some(self.trigger(start)),
            limit: self.limit(start),
            cpu: Some(start.cpu),
            build,
            stack: frames.map(stack::callers),
        }
    }

    fn trigger(&self, start: &Incident) -> model::Trigger {
        let Trigger { pid, tid, comm, uid, oom_score_adj, cgroup, cpuset, mems_allowed } =
            &start.trigger;
        model::Trigger {
            pid: Some(*pid),
            tid: Some(*tid),
            comm: comm.clone(),
            uid: *uid,
            oom_score_adj: oom_score_adj.and_then(|adj| adj.try_into().ok()),
            gfp_mask: start.gfp_mask.map(|mask| format!("{mask:#x}")),
            gfp_flags: start.gfp_mask.map(|mask| self.gfp_names.names(mask)),
            order: start.order,
            user_pc: None,
            cgroup: cgroup.clone(),
            cpuset: cpuset.as_ref().map(cpuset_path),
            mems_allowed: mems_allowed.as_deref().map(nodes::list),
        }
    }
}

/// What the kernel says when it panics and chose nobody (`check_panic_on_oom`, `out_of_memory` in
/// mm/oom_kill.c); `None` if it goes on. `sysctl` is `vm.panic_on_oom`.
pub(super) fn panic_message(start: &Incident, sysctl: u32) -> Option<&'static str> {
    let (order, constraint, is_memcg) = (start.order?, start.constraint?, start.is_memcg?);
    if order == SYSRQ_ORDER {
        return None;
    }
    match sysctl {
        2 => Some("Out of memory: compulsory panic_on_oom is enabled"),
        1 if constraint == CONSTRAINT_NONE => {
            Some("Out of memory: system-wide panic_on_oom is enabled")
        }
        _ if !is_memcg => Some("System is deadlocked on memory"),
        _ => None,
    }
}

/// The points of the chosen process; the others of a group kill were not weighed.
pub(super) fn badness(start: &Incident, pid: u32) -> Option<i64> {
    start.chosen.as_ref().filter(|chosen| chosen.pid == pid)?;
    start.chosen_points
}

pub(super) fn chosen(start: &Incident) -> Option<model::Chosen> {
    let Chosen { pid: _, tid, comm, uid, cgroup } = start.chosen.as_ref()?;
    let (comm, cgroup) = (comm.clone(), cgroup.clone());
    Some(model::Chosen { tid: *tid, comm, score: None, uid: *uid, cgroup })
}

/// The root has an empty name in kernfs and prints as `/` (`kernfs_name_locked`, fs/kernfs/dir.c).
fn cpuset_path(name: &KernelText) -> KernelText {
    if name.as_bytes().is_empty() { KernelText::from("/") } else { name.clone() }
}
