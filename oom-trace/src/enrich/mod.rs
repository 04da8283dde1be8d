//! From an assembled incident to the public event: the names of things, and what does not die
//! with the victim.

pub mod clock;
pub mod host;
mod nodes;
pub mod stack;

use crate::incident::assemble::{Incident, Victim};
use crate::incident::model;
use crate::incident::record::{self, incident_field, rss, source, victim_field};
use crate::kernel::gfp::GfpNames;
use crate::text::KernelText;
use clock::Clock;
use host::Host;
use stack::StackReader;

/// `PAGE_COUNTER_MAX` (include/linux/page_counter.h): no limit.
const NO_LIMIT_PAGES: u64 = i64::MAX as u64 / 4096;

/// `enum oom_constraint` (include/linux/oom.h), the same in all kernels from 5.10 to 7.3.
const CONSTRAINTS: [(&str, model::Scope); 4] = [
    ("CONSTRAINT_NONE", model::Scope::Global),
    ("CONSTRAINT_CPUSET", model::Scope::Cpuset),
    ("CONSTRAINT_MEMORY_POLICY", model::Scope::Mempolicy),
    ("CONSTRAINT_MEMCG", model::Scope::Memcg),
];

/// `oom_control.order` of a kill by hand (`is_sysrq_oom`, mm/oom_kill.c).
const SYSRQ_ORDER: i32 = -1;

/// Knows the machine.
#[derive(Debug)]
pub struct Enricher {
    /// Where this is.
    pub host: Host,
    /// The kernel's names of allocation flags.
    pub gfp_names: GfpNames,
    /// Whether the kernel's log prints exact sums (7.0 on; before, the counters as they stand).
    pub log_is_exact: bool,
    /// Tells by the stack what no hook could.
    pub stack_reader: StackReader,
    /// Bytes of a page.
    pub page_size: u64,
}

impl Enricher {
    /// The records of an incident, one for each victim, in order.
    pub fn records(&mut self, incident: &Incident, clock: Clock) -> Vec<model::OomKill> {
        let count = u32::try_from(incident.victims.len()).unwrap_or(u32::MAX);
        (1..)
            .zip(&incident.victims)
            .map(|(index, victim)| self.record(incident, victim, (index, count), clock))
            .collect()
    }

    fn record(
        &mut self,
        incident: &Incident,
        victim: &Victim,
        (victim_index, victim_count): (u32, u32),
        clock: Clock,
    ) -> model::OomKill {
        let start = incident.start.as_ref().map(|(start, paths)| (Fields(start), paths));
        let fields = start.map(|(fields, _)| fields);
        let mark = &victim.mark;
        let outcome = match mark.outcome {
            record::outcome::KILLED => Some(model::Outcome::Killed),
            record::outcome::ALREADY_EXITING => Some(model::Outcome::AlreadyExiting),
            _ => fields.and_then(|fields| self.stack_reader.outcome(fields.stack())),
        };
        let constraint = fields
            .and_then(Fields::constraint)
            .and_then(|constraint| CONSTRAINTS.get(constraint as usize));
        let scope = match fields.and_then(Fields::order) {
            Some(SYSRQ_ORDER) => Some(model::Scope::Sysrq),
            _ => constraint
                .map(|&(_, scope)| scope)
                .or_else(|| self.stack_reader.scope(fields?.stack())),
        };
        model::OomKill {
            schema: model::SCHEMA,
            kind: model::OomKillType::OomKill,
            incident: self.host.incident(incident.id),
            origin: self.host.origin(incident.id, clock),
            source: match mark.header.source {
                source::FENTRY => model::Source::Fentry,
                source::TRACEPOINT => model::Source::Tracepoint,
                _ => model::Source::Kprobe,
            },
            scope,
            outcome,
            victim_index,
            victim_count,
            kill_count: victim.kill_count().or(match outcome {
                Some(model::Outcome::Killed) => Some(1),
                Some(model::Outcome::AlreadyExiting) => Some(0),
                None => None,
            }),
            message: fields.and_then(Fields::message),
            constraint: constraint.map(|&(name, _)| name),
            nodemask: fields.and_then(Fields::nodemask),
            page_size_bytes: self.page_size,
            totalpages: fields.and_then(Fields::totalpages),
            trigger: start.map(|(fields, paths)| self.trigger(fields, paths.trigger.clone())),
            chosen: start.and_then(|(fields, paths)| fields.chosen(paths.chosen.clone())),
            victim: self.victim(victim, outcome, fields, clock),
            limit: start.and_then(|(fields, paths)| self.limit(fields, paths.limit.clone())),
            candidates: None,
            system: None,
            stack: None,
            why: None,
        }
    }

    fn trigger(&self, fields: Fields<'_>, cgroup: Option<KernelText>) -> model::Trigger {
        let start = fields.0;
        let gfp_mask = fields.has(incident_field::GFP_MASK, start.gfp_mask);
        model::Trigger {
            pid: start.trigger_pid,
            tid: start.trigger_tid,
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

    fn limit(&self, fields: Fields<'_>, cgroup: Option<KernelText>) -> Option<model::Limit> {
        let start = fields.0;
        fields.has(incident_field::LIMIT, start.limit).filter(|&memcg| memcg != 0)?;
        let bytes = |bit, pages: u64| fields.has(bit, pages.saturating_mul(self.page_size));
        let max = |bit, pages| bytes(bit, pages).filter(|_| pages < NO_LIMIT_PAGES);
        Some(model::Limit {
            cgroup,
            usage_bytes: bytes(incident_field::LIMIT_USAGE, start.limit_usage),
            max_bytes: max(incident_field::LIMIT_MAX, start.limit_max),
            swap_usage_bytes: bytes(incident_field::LIMIT_SWAP_USAGE, start.limit_swap_usage),
            swap_max_bytes: max(incident_field::LIMIT_SWAP_MAX, start.limit_swap_max),
            ancestors: None,
        })
    }

    fn victim(
        &self,
        victim: &Victim,
        outcome: Option<model::Outcome>,
        fields: Option<Fields<'_>>,
        clock: Clock,
    ) -> model::Victim {
        let mark = &victim.mark;
        let pid = has(mark, victim_field::PID, mark.pid);
        let start_ns = has(mark, victim_field::START_BOOTTIME, mark.start_boottime);
        let logged = std::iter::once(&**mark).chain(&victim.again);
        let logged = logged.filter(|_| outcome != Some(model::Outcome::AlreadyExiting));
        model::Victim {
            pid,
            tid: mark.tid,
            ns_pid: has(mark, victim_field::NS_PID, mark.ns_pid),
            comm: has(mark, victim_field::COMM, text(&mark.comm)),
            uid: has(mark, victim_field::UID, mark.uid),
            gid: has(mark, victim_field::GID, mark.gid),
            ppid: has(mark, victim_field::PPID, mark.ppid),
            parent_comm: has(mark, victim_field::PARENT_COMM, text(&mark.parent_comm)),
            oom_score_adj: has(mark, victim_field::OOM_SCORE_ADJ, mark.oom_score_adj)
                .and_then(|adj| adj.try_into().ok()),
            badness: fields.and_then(|fields| fields.badness(pid?)),
            threads: has(mark, victim_field::THREADS, mark.threads),
            started: start_ns.map(|start| clock.wall(start)),
            age_ms: start_ns.map(|start| mark.header.boot_ns.saturating_sub(start) / 1_000_000),
            exe: None,
            argv: None,
            memory: self.memory(mark, false),
            memory_logged: logged.map(|mark| self.memory(mark, true)).collect(),
            cgroup: victim.cgroup.clone().map(|path| model::Cgroup {
                path,
                id: has(mark, victim_field::CGROUP_ID, mark.cgroup_id),
            }),
            unit: None,
            container: None,
            pod: None,
        }
    }

    /// Exact where the per-CPU parts could be read, or as the kernel's log prints it.
    fn memory(&self, mark: &record::Victim, logged: bool) -> model::Memory {
        let pages = |bit, pages: u64| has(mark, bit, pages.saturating_mul(self.page_size));
        let counter = |place: usize| {
            let count = has(mark, victim_field::RSS_COUNT << place, mark.rss_count.get(place)?);
            let sum = has(mark, victim_field::RSS_SUM << place, mark.rss_sum.get(place)?);
            let value = if logged && !self.log_is_exact { count } else { sum.or(count) }?;
            // The kernel, too, takes a counter that is negative for a moment as 0.
            Some(u64::try_from(*value).unwrap_or(0).saturating_mul(self.page_size))
        };
        model::Memory {
            total_vm_bytes: pages(victim_field::TOTAL_VM, mark.total_vm),
            anon_rss_bytes: counter(rss::ANON),
            file_rss_bytes: counter(rss::FILE),
            shmem_rss_bytes: counter(rss::SHMEM),
            swap_bytes: counter(rss::SWAP),
            pgtables_bytes: has(mark, victim_field::PGTABLES_BYTES, mark.pgtables_bytes),
        }
    }
}

fn has<T>(mark: &record::Victim, bit: u64, value: T) -> Option<T> {
    (mark.header.present & bit != 0).then_some(value)
}

/// The start of an incident, its fields as `Option`s.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a record::Incident);

impl Fields<'_> {
    fn has<T>(self, bit: u64, value: T) -> Option<T> {
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

    fn message(self) -> Option<KernelText> {
        self.has(incident_field::MESSAGE, text(&self.0.message))
    }

    fn stack(&self) -> &[u64] {
        usize::try_from(self.0.stack_len)
            .ok()
            .and_then(|len| self.0.stack.get(..len))
            .unwrap_or(&[])
    }

    /// As much of a node mask as this kernel has.
    fn mask(self, mask: &[u8]) -> &[u8] {
        mask.get(..self.0.nodemask_len as usize).unwrap_or(mask)
    }

    fn nodemask(self) -> Option<String> {
        let bound = self.has(incident_field::NODEMASK, self.0.has_nodemask)? != 0;
        bound.then(|| nodes::list(self.mask(&self.0.nodemask)))
    }

    /// The points of the chosen process; the others of a group kill were not weighed.
    fn badness(self, pid: u32) -> Option<i64> {
        self.has(incident_field::CHOSEN, self.0.chosen_pid).filter(|&chosen| chosen == pid)?;
        self.has(incident_field::CHOSEN_POINTS, self.0.chosen_points)
    }

    fn chosen(self, cgroup: Option<KernelText>) -> Option<model::Chosen> {
        Some(model::Chosen {
            tid: self.has(incident_field::CHOSEN, self.0.chosen_tid)?,
            comm: self.has(incident_field::CHOSEN_COMM, text(&self.0.chosen_comm)),
            uid: self.has(incident_field::CHOSEN_UID, self.0.chosen_uid),
            cgroup,
        })
    }
}

/// Up to the NUL.
fn text(bytes: &[u8]) -> KernelText {
    KernelText::from(bytes.split(|&byte| byte == 0).next().unwrap_or(bytes))
}

/// The root has an empty name in kernfs and prints as `/` (`kernfs_name_locked`, fs/kernfs/dir.c).
fn cpuset(bytes: &[u8]) -> KernelText {
    let name = text(bytes);
    if name.as_bytes().is_empty() { KernelText::from("/") } else { name }
}
