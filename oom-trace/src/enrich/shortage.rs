//! Whose memory ran out, and who asked for it.

use super::{Enricher, nodes, stack, text};
use crate::incident::model::{CONSTRAINTS, SYSRQ_ORDER};
use crate::incident::record::{self, incident_field};
use crate::incident::{IncidentNames, model};
use crate::text::KernelText;

/// `CONSTRAINT_NONE` (include/linux/oom.h)
const CONSTRAINT_NONE: u32 = 0;

impl Enricher {
    /// The stack, innermost first, by names.
    pub(super) fn frames(
        &mut self,
        start: Fields<'_>,
        names: &IncidentNames,
    ) -> Option<Vec<String>> {
        self.stack_reader.frames(&names.symbols, start.addresses())
    }

    pub(super) fn shortage(
        &self,
        start: Option<(Fields<'_>, &IncidentNames)>,
        levels: &[record::Level],
        frames: Option<&[String]>,
    ) -> model::Shortage {
        let build = self.build_reader.build();
        let Some((fields, names)) = start else {
            return model::Shortage {
                page_size_bytes: Some(self.page_size),
                build,
                ..model::Shortage::default()
            };
        };
        let constraint =
            fields.constraint().and_then(|constraint| CONSTRAINTS.get(constraint as usize));
        let scope = match fields.order() {
            Some(SYSRQ_ORDER) => Some(model::Scope::Sysrq),
            _ => constraint.map(|&(_, scope)| scope).or_else(|| stack::scope(frames?)),
        };
        model::Shortage {
            scope,
            constraint: constraint.map(|&(name, _)| name.into()),
            nodemask: fields.nodemask(),
            page_size_bytes: Some(self.page_size),
            totalpages: fields.totalpages(),
            trigger: Some(self.trigger(fields, names.trigger.clone())),
            limit: self.limit(fields, names.limit.as_ref(), levels),
            cpu: Some(fields.0.cpu),
            build,
            stack: frames.map(stack::callers),
        }
    }

    fn trigger(&self, fields: Fields<'_>, cgroup: Option<KernelText>) -> model::Trigger {
        let start = fields.0;
        let gfp_mask = fields.has(incident_field::GFP_MASK, start.gfp_mask);
        model::Trigger {
            pid: Some(start.trigger_pid),
            tid: Some(start.trigger_tid),
            comm: fields.has(incident_field::TRIGGER_COMM, text(&start.trigger_comm)),
            uid: fields.has(incident_field::TRIGGER_UID, start.trigger_uid),
            oom_score_adj: fields
                .has(incident_field::TRIGGER_OOM_SCORE_ADJ, start.trigger_oom_score_adj)
                .and_then(|adj| adj.try_into().ok()),
            gfp_mask: gfp_mask.map(|mask| format!("{mask:#x}")),
            gfp_flags: gfp_mask.map(|mask| self.gfp_names.names(mask)),
            order: fields.order(),
            cgroup,
            cpuset: fields.has(incident_field::CPUSET, cpuset(&start.cpuset)),
            mems_allowed: fields
                .has(incident_field::MEMS_ALLOWED, nodes::list(fields.mask(&start.mems_allowed))),
        }
    }
}

/// The start of an incident, its fields as `Option`s.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a record::Incident);

impl Fields<'_> {
    pub(super) fn has<T>(self, bit: u64, value: T) -> Option<T> {
        (self.0.header.present & bit != 0).then_some(value)
    }

    fn order(self) -> Option<i32> {
        self.has(incident_field::ORDER, self.0.order)
    }

    fn constraint(self) -> Option<u32> {
        self.has(incident_field::CONSTRAINT, self.0.constraint)
    }

    fn totalpages(self) -> Option<u64> {
        self.has(incident_field::TOTALPAGES, self.0.totalpages)
    }

    pub(super) fn message(self) -> Option<KernelText> {
        self.has(incident_field::MESSAGE, text(&self.0.message))
    }

    fn addresses(&self) -> &[u64] {
        usize::try_from(self.0.stack_len)
            .ok()
            .and_then(|len| self.0.stack.get(..len))
            .unwrap_or(&[])
    }

    /// What the kernel says when it panics and chose nobody (`check_panic_on_oom`, `out_of_memory`
    /// in mm/oom_kill.c); `None` if it goes on. `sysctl` is `vm.panic_on_oom`.
    pub(super) fn panic_message(self, sysctl: u32) -> Option<&'static str> {
        let (order, constraint) = (self.order()?, self.constraint()?);
        if order == SYSRQ_ORDER {
            return None;
        }
        let unbound = constraint == CONSTRAINT_NONE;
        let of_the_machine = self.has(incident_field::LIMIT, self.0.limit)? == 0;
        match sysctl {
            2 => Some("Out of memory: compulsory panic_on_oom is enabled"),
            1 if unbound => Some("Out of memory: system-wide panic_on_oom is enabled"),
            _ if of_the_machine => Some("System is deadlocked on memory"),
            _ => None,
        }
    }

    /// As much of a node mask as this kernel has.
    fn mask(self, mask: &[u8]) -> &[u8] {
        mask.get(..self.0.nodemask_len as usize).unwrap_or(mask)
    }

    fn nodemask(self) -> Option<String> {
        let bound = self.has(incident_field::NODEMASK, self.0.has_nodemask)? != 0;
        bound.then(|| nodes::list(self.mask(&self.0.nodemask)))
    }

    pub(super) fn chosen_pid(self) -> Option<u32> {
        self.has(incident_field::CHOSEN, self.0.chosen_pid)
    }

    /// The points of the chosen process; the others of a group kill were not weighed.
    pub(super) fn badness(self, pid: u32) -> Option<i64> {
        self.chosen_pid().filter(|&chosen| chosen == pid)?;
        self.has(incident_field::CHOSEN_POINTS, self.0.chosen_points)
    }

    pub(super) fn chosen(self, cgroup: Option<KernelText>) -> Option<model::Chosen> {
        Some(model::Chosen {
            tid: self.has(incident_field::CHOSEN, self.0.chosen_tid)?,
            comm: self.has(incident_field::CHOSEN_COMM, text(&self.0.chosen_comm)),
            uid: self.has(incident_field::CHOSEN_UID, self.0.chosen_uid),
            cgroup,
        })
    }
}

/// The root has an empty name in kernfs and prints as `/` (`kernfs_name_locked`, fs/kernfs/dir.c).
fn cpuset(bytes: &[u8]) -> KernelText {
    let name = text(bytes);
    if name.as_bytes().is_empty() { KernelText::from("/") } else { name }
}
