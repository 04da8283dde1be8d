//! A shortage, and how the limit stood.

use oom_trace_common::record::{
    self, EVENTS, candidate_field, incident_field as field, level_field, role, usage_field,
};

use super::bytes::{Present, join, read, read_each, split, text};
use super::{Rss, Source, WireError};
use crate::text::KernelText;

/// The entry of `oom_kill_process`, or what is known of an incident whose entry no hook saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Incident {
    /// Names it: `CLOCK_BOOTTIME` of its start in nanoseconds.
    pub id: u64,
    /// Which hook told of it.
    pub source: Source,
    /// `CLOCK_BOOTTIME` of the record in nanoseconds.
    pub boot_ns: u64,
    /// `oom_control.totalpages`, in pages.
    pub totalpages: Option<u64>,
    /// `oom_control.gfp_mask`
    pub gfp_mask: Option<u32>,
    /// `oom_control.order`
    pub order: Option<i32>,
    /// `oom_control.constraint`, an `enum oom_constraint`.
    pub constraint: Option<u32>,
    /// The nodes that the allocation was bound to, `unsigned long`s; `None` if it was not.
    pub nodemask: Option<Vec<u8>>,
    /// Whether it is the shortage of a cgroup.
    pub is_memcg: Option<bool>,
    /// `cgroup_root.hierarchy_id` of the limit cgroup: 0 for cgroup v2.
    pub limit_hierarchy: Option<u32>,
    /// The limit cgroup's path.
    pub limit_path: Option<KernelText>,
    /// The limit cgroup and those above it, from the limit up.
    pub levels: Vec<Level>,
    /// The second argument of `oom_kill_process`.
    pub message: Option<KernelText>,
    /// Who ran out of memory.
    pub trigger: Trigger,
    /// Who was chosen.
    pub chosen: Option<Chosen>,
    /// `oom_control.chosen_points`, in pages.
    pub chosen_points: Option<i64>,
    /// Tasks weighed in all.
    pub weighed: u64,
    /// Those of them that were kept.
    pub candidates: Vec<Candidate>,
    /// The CPU it happened on.
    pub cpu: u32,
    /// The trigger's kernel stack, innermost first.
    pub frames: Vec<Frame>,
}

/// `current` at the entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trigger {
    /// `current->tgid`
    pub pid: u32,
    /// `current->pid`
    pub tid: u32,
    /// `current->comm`
    pub comm: Option<KernelText>,
    /// `current->real_cred->uid`
    pub uid: Option<u32>,
    /// `current->signal->oom_score_adj`
    pub oom_score_adj: Option<i32>,
    /// Its memory cgroup's path.
    pub cgroup: Option<KernelText>,
    /// The name of its cpuset cgroup; empty for the root.
    pub cpuset: Option<KernelText>,
    /// `current->mems_allowed`, `unsigned long`s.
    pub mems_allowed: Option<Vec<u8>>,
}

/// `oom_control.chosen`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// `chosen->tgid`
    pub pid: u32,
    /// `chosen->pid`
    pub tid: u32,
    /// `chosen->comm`
    pub comm: Option<KernelText>,
    /// `chosen->real_cred->uid`
    pub uid: Option<u32>,
    /// Its memory cgroup's path.
    pub cgroup: Option<KernelText>,
}

/// One return address of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it is.
    pub address: u64,
    /// As the kernel names it: told once for each address, and `None` where it names none.
    pub symbol: Option<String>,
}

/// What a memory cgroup has used, and may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// `memory.usage`, in pages.
    pub memory: Option<u64>,
    /// `memory.max`, in pages.
    pub memory_max: Option<u64>,
    /// `memory.failcnt`
    pub memory_failcnt: Option<u64>,
    /// `memory_events[MEMCG_MAX]`
    pub memory_events: Option<u64>,
    /// `swap.usage`, in pages; on cgroup v1 that of `memsw`, which shares its place.
    pub swap: Option<u64>,
    /// `swap.max`, in pages.
    pub swap_max: Option<u64>,
    /// `swap.failcnt`
    pub swap_failcnt: Option<u64>,
    /// `memory_events[MEMCG_SWAP_MAX]`
    pub swap_events: Option<u64>,
    /// `kmem.usage`, in pages.
    pub kmem: Option<u64>,
    /// `kmem.max`, in pages.
    pub kmem_max: Option<u64>,
    /// `kmem.failcnt`
    pub kmem_failcnt: Option<u64>,
}

/// A memory cgroup from the limit up to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// What it uses, and may use.
    pub usage: Usage,
    /// `memory.high`, in pages.
    pub high: Option<u64>,
    /// `memory.low`, in pages.
    pub low: Option<u64>,
    /// `memory.min`, in pages.
    pub min: Option<u64>,
    /// `memory_events`, by its place in the record.
    pub events: [Option<u64>; EVENTS],
    /// `memory.oom.group`
    pub oom_group: Option<bool>,
}

/// How the limit cgroup stood when the kernel printed it, some milliseconds after it decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Printed {
    /// The incident.
    pub incident: u64,
    /// What is printed.
    pub usage: Usage,
}

/// A task that the kernel weighed, as it stood then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// Why it was kept.
    pub role: Role,
    /// `task->tgid`
    pub pid: u32,
    /// `task->pid`
    pub tid: u32,
    /// `task->comm`
    pub comm: Option<KernelText>,
    /// Its memory cgroup's path.
    pub cgroup: Option<KernelText>,
    /// `task->signal->oom_score_adj`
    pub oom_score_adj: Option<i32>,
    /// As `oom_badness` (mm/oom_kill.c) has it, in pages; `None` if the kernel may not kill it.
    pub badness: Option<i64>,
    /// Resident, swapped and page-table pages: badness without `oom_score_adj`.
    pub held: u64,
    /// `mm->total_vm`, in pages.
    pub total_vm: Option<u64>,
    /// `mm->pgtables_bytes`
    pub pgtables_bytes: Option<u64>,
    /// As the kernel weighed it.
    pub rss: Rss,
}

/// Why a [`Candidate`] was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It is among those with the most badness.
    #[default]
    Top,
    /// It holds the most.
    Largest,
}

pub(super) fn decode(bytes: &[u8], kind: u32) -> Result<Box<Incident>, WireError> {
    let (it, rest) = read::<record::Incident>(bytes, kind)?;
    let present = Present::of(&it.header);
    let (levels, rest) = read_each::<record::Level>(rest, it.levels_len, kind)?;
    let (candidates, rest) = read_each::<record::Candidate>(rest, it.candidates_len, kind)?;
    let ends = it.path_ends.get(..it.paths_len as usize).ok_or(WireError::Parts { kind })?;
    let (paths, symbols) = split(rest, ends.iter().copied(), kind)?;
    let is_readable = |place: u32| it.readable.checked_shr(place).unwrap_or(0) & 1 != 0;
    let paths: Vec<_> = paths.into_iter().map(join).collect();
    let path = |place: u32| {
        let path = paths.get(place as usize)?;
        is_readable(place).then(|| path.clone())
    };
    let mask = |mask: &[u8]| mask.get(..it.nodemask_len as usize).unwrap_or(mask).to_vec();
    let chosen = present.get(field::CHOSEN, ()).map(|()| Chosen {
        pid: it.chosen_pid,
        tid: it.chosen_tid,
        comm: present.text(field::CHOSEN_COMM, &it.chosen_comm),
        uid: present.get(field::CHOSEN_UID, it.chosen_uid),
        cgroup: path(it.chosen_path),
    });
    Ok(Box::new(Incident {
        id: it.header.incident,
        source: it.header.source.into(),
        boot_ns: it.header.boot_ns,
        totalpages: present.get(field::TOTALPAGES, it.totalpages),
        gfp_mask: present.get(field::GFP_MASK, it.gfp_mask),
        order: present.get(field::ORDER, it.order),
        constraint: present.get(field::CONSTRAINT, it.constraint),
        nodemask: present
            .get(field::NODEMASK, it.has_nodemask)
            .filter(|&bound| bound != 0)
            .map(|_| mask(&it.nodemask)),
        is_memcg: present.get(field::LIMIT, it.limit != 0),
        limit_hierarchy: present.get(field::LIMIT_HIERARCHY, it.limit_hierarchy),
        limit_path: path(it.limit_path),
        levels: levels.iter().map(level).collect(),
        message: present.text(field::MESSAGE, &it.message),
        trigger: Trigger {
            pid: it.trigger_pid,
            tid: it.trigger_tid,
            comm: present.text(field::TRIGGER_COMM, &it.trigger_comm),
            uid: present.get(field::TRIGGER_UID, it.trigger_uid),
            oom_score_adj: present.get(field::TRIGGER_OOM_SCORE_ADJ, it.trigger_oom_score_adj),
            cgroup: path(it.trigger_path),
            cpuset: present.text(field::CPUSET, &it.cpuset),
            mems_allowed: present.get(field::MEMS_ALLOWED, ()).map(|()| mask(&it.mems_allowed)),
        },
        chosen,
        chosen_points: present.get(field::CHOSEN_POINTS, it.chosen_points),
        weighed: it.weighed,
        candidates: candidates.iter().map(|it| candidate(it, path(it.path))).collect(),
        cpu: it.cpu,
        frames: frames(&it, symbols),
    }))
}

/// The frames, with the names of those that came with one.
fn frames(it: &record::Incident, symbols: &[u8]) -> Vec<Frame> {
    let mut symbols = super::bytes::texts(symbols);
    let addresses = it.stack.iter().take(it.stack_len as usize).enumerate();
    let named = addresses.map(|(place, &address)| {
        let is_named = it.named >> place & 1 != 0;
        let symbol = if is_named { symbols.next() } else { None };
        Frame { address, symbol: symbol.map(|name| String::from_utf8_lossy(name).into()) }
    });
    named.collect()
}

pub(super) fn printed(bytes: &[u8]) -> Result<Printed, WireError> {
    let (it, _) = read::<record::Printed>(bytes, record::kind::PRINTED)?;
    let usage = usage(&it.usage, Present::of(&it.header));
    Ok(Printed { incident: it.header.incident, usage })
}

fn usage(it: &record::Usage, present: Present) -> Usage {
    Usage {
        memory: present.get(usage_field::MEMORY, it.memory),
        memory_max: present.get(usage_field::MEMORY_MAX, it.memory_max),
        memory_failcnt: present.get(usage_field::MEMORY_FAILCNT, it.memory_failcnt),
        memory_events: present.get(usage_field::MEMORY_EVENTS, it.memory_events),
        swap: present.get(usage_field::SWAP, it.swap),
        swap_max: present.get(usage_field::SWAP_MAX, it.swap_max),
        swap_failcnt: present.get(usage_field::SWAP_FAILCNT, it.swap_failcnt),
        swap_events: present.get(usage_field::SWAP_EVENTS, it.swap_events),
        kmem: present.get(usage_field::KMEM, it.kmem),
        kmem_max: present.get(usage_field::KMEM_MAX, it.kmem_max),
        kmem_failcnt: present.get(usage_field::KMEM_FAILCNT, it.kmem_failcnt),
    }
}

fn level(it: &record::Level) -> Level {
    let present = Present(it.present);
    let mut places = 0..;
    Level {
        usage: usage(&it.usage, present),
        high: present.get(level_field::HIGH, it.high),
        low: present.get(level_field::LOW, it.low),
        min: present.get(level_field::MIN, it.min),
        events: it.events.map(|count| {
            let place: u32 = places.next().unwrap_or(0);
            present.get(level_field::EVENTS << place, count)
        }),
        oom_group: present.get(level_field::OOM_GROUP, it.oom_group != 0),
    }
}

fn candidate(it: &record::Candidate, cgroup: Option<KernelText>) -> Candidate {
    let present = Present(it.present);
    Candidate {
        role: if it.role == role::LARGEST { Role::Largest } else { Role::Top },
        pid: it.pid,
        tid: it.tid,
        comm: present.get(candidate_field::COMM, ()).map(|()| text(&it.comm)),
        cgroup,
        oom_score_adj: present.get(candidate_field::OOM_SCORE_ADJ, it.oom_score_adj),
        badness: present.get(candidate_field::BADNESS, it.badness),
        held: it.held,
        total_vm: present.get(candidate_field::TOTAL_VM, it.total_vm),
        pgtables_bytes: present.get(candidate_field::PGTABLES_BYTES, it.pgtables_bytes),
        rss: present.rss(candidate_field::RSS, it.rss),
    }
}
