//! Who dies.

use oom_trace_common::record::{self, NAME_PRESENT, command_field, kind, victim_field as field};

use super::bytes::{Present, join, read, split, text};
use super::{Outcome, Rss, Source, WireError};
use crate::text::KernelText;

/// A task passed to `mark_oom_victim`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Victim {
    /// The incident.
    pub incident: u64,
    /// Which hook told of it.
    pub source: Source,
    /// `CLOCK_BOOTTIME` of the mark in nanoseconds.
    pub boot_ns: u64,
    /// Whether it was a kill.
    pub outcome: Outcome,
    /// `task->pid`
    pub tid: u32,
    /// `task->tgid`; `None` where the tracepoint gives only a thread id.
    pub pid: Option<u32>,
    /// The process id in the task's own pid namespace.
    pub ns_pid: Option<u32>,
    /// `task->comm`
    pub comm: Option<KernelText>,
    /// `task->real_cred->uid`
    pub uid: Option<u32>,
    /// `task->real_cred->gid`
    pub gid: Option<u32>,
    /// `task->real_parent->tgid`
    pub ppid: Option<u32>,
    /// `task->real_parent->group_leader->comm`
    pub parent_comm: Option<KernelText>,
    /// `task->signal->nr_threads`
    pub threads: Option<u32>,
    /// `task->signal->oom_score_adj`
    pub oom_score_adj: Option<i32>,
    /// `task->group_leader->start_boottime`, in nanoseconds: when the process started, whichever of its
    /// threads was marked. With `pid` it names the process.
    pub start_boottime: Option<u64>,
    /// `mm->total_vm`, in pages.
    pub total_vm: Option<u64>,
    /// `mm->pgtables_bytes`
    pub pgtables_bytes: Option<u64>,
    /// Without the per-CPU parts.
    pub rss_count: Rss,
    /// With them.
    pub rss_sum: Rss,
    /// Its cgroup's path.
    pub path: Path,
    /// `kernfs_node.id` of its cgroup.
    pub cgroup_id: Option<u64>,
}

/// The path of a victim's cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Path {
    /// It could not be read.
    #[default]
    Unknown,
    /// This.
    Told(KernelText),
    /// That of the last victim of the incident that came with one.
    Same,
}

/// A process that shares a victim's memory and was signalled with it, never marked. It follows the
/// victim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sharer {
    /// The incident.
    pub incident: u64,
    /// `task->tgid`
    pub pid: u32,
    /// `task->comm`
    pub comm: Option<KernelText>,
}

/// The cgroup whose `memory.oom.group` makes the kernel kill all of its processes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// The incident.
    pub incident: u64,
    /// Its path.
    pub path: Option<KernelText>,
}

/// What a victim was. It follows the victim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The incident.
    pub incident: u64,
    /// `task->tgid` of the victim.
    pub pid: u32,
    /// `task->loginuid`
    pub login_uid: Option<u32>,
    /// The path of its executable.
    pub exe: Option<KernelText>,
    /// Its arguments as they stand in its memory, each ended by NUL.
    pub arguments: Option<Vec<u8>>,
    /// Whether there are more of them.
    pub is_cut: bool,
    /// Its parent first.
    pub parents: Vec<Parent>,
}

/// A process above a victim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parent {
    /// `task->tgid`
    pub pid: u32,
    /// `task->comm`
    pub comm: KernelText,
}

pub(super) fn victim(bytes: &[u8]) -> Result<Box<Victim>, WireError> {
    let (it, path) = read::<record::Victim>(bytes, kind::VICTIM)?;
    let [path] = whole(path, [it.path_len], kind::VICTIM)?;
    let present = Present::of(&it.header);
    Ok(Box::new(Victim {
        incident: it.header.incident,
        source: it.header.source.into(),
        boot_ns: it.header.boot_ns,
        outcome: it.outcome.into(),
        tid: it.tid,
        pid: present.get(field::PID, it.pid),
        ns_pid: present.get(field::NS_PID, it.ns_pid),
        comm: present.text(field::COMM, &it.comm),
        uid: present.get(field::UID, it.uid),
        gid: present.get(field::GID, it.gid),
        ppid: present.get(field::PPID, it.ppid),
        parent_comm: present.text(field::PARENT_COMM, &it.parent_comm),
        threads: present.get(field::THREADS, it.threads),
        oom_score_adj: present.get(field::OOM_SCORE_ADJ, it.oom_score_adj),
        start_boottime: present.get(field::START_BOOTTIME, it.start_boottime),
        total_vm: present.get(field::TOTAL_VM, it.total_vm),
        pgtables_bytes: present.get(field::PGTABLES_BYTES, it.pgtables_bytes),
        rss_count: present.rss(field::RSS_COUNT, it.rss_count),
        rss_sum: present.rss(field::RSS_SUM, it.rss_sum),
        path: if present.has(field::PATH) {
            Path::Told(join(path))
        } else if present.has(field::SAME_PATH) {
            Path::Same
        } else {
            Path::Unknown
        },
        cgroup_id: present.get(field::CGROUP_ID, it.cgroup_id),
    }))
}

pub(super) fn sharer(bytes: &[u8]) -> Result<Sharer, WireError> {
    let (it, _) = read::<record::Sharer>(bytes, kind::SHARER)?;
    let comm = Present::of(&it.header).text(NAME_PRESENT, &it.comm);
    Ok(Sharer { incident: it.header.incident, pid: it.pid, comm })
}

pub(super) fn group(bytes: &[u8]) -> Result<Group, WireError> {
    let (it, path) = read::<record::Group>(bytes, kind::GROUP)?;
    let end = u32::try_from(it.path_len).unwrap_or(u32::MAX);
    let [path] = whole(path, [end], kind::GROUP)?;
    let path = Present::of(&it.header).has(NAME_PRESENT).then(|| join(path));
    Ok(Group { incident: it.header.incident, path })
}

pub(super) fn command(bytes: &[u8]) -> Result<Box<Command>, WireError> {
    let (it, names) = read::<record::Command>(bytes, kind::COMMAND)?;
    let [exe, arguments] = whole(names, [it.exe_end, it.argv_end], kind::COMMAND)?;
    let present = Present::of(&it.header);
    let parents = it.parents.iter().take(it.parents_len as usize);
    Ok(Box::new(Command {
        incident: it.header.incident,
        pid: it.pid,
        login_uid: present.get(command_field::LOGIN_UID, it.login_uid),
        exe: present.has(command_field::EXE).then(|| join(exe)),
        arguments: present.has(command_field::ARGV).then(|| arguments.to_vec()),
        is_cut: it.argv_cut != 0,
        parents: parents.map(|it| Parent { pid: it.pid, comm: text(&it.comm) }).collect(),
    }))
}

/// Cuts texts apart that fill the bytes to the last.
fn whole<const N: usize>(bytes: &[u8], ends: [u32; N], kind: u32) -> Result<[&[u8]; N], WireError> {
    let (texts, rest) = split(bytes, ends, kind)?;
    let texts = <[&[u8]; N]>::try_from(texts).ok().filter(|_| rest.is_empty());
    texts.ok_or(WireError::Parts { kind })
}
