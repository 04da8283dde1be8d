//! The memory of a victim is back.

use oom_trace_common::record::{self, by, freed_field as field, kind};

use super::bytes::{Present, read};
use super::{Rss, Source, WireError};
use crate::text::KernelText;

/// The memory of a victim is back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Freed {
    /// The incident of its mark.
    pub incident: u64,
    /// Which hook told of it.
    pub source: Source,
    /// `CLOCK_BOOTTIME` of when it was back, in nanoseconds.
    pub boot_ns: u64,
    /// `CLOCK_BOOTTIME` of the mark, in nanoseconds.
    pub marked_ns: u64,
    /// `task->group_leader->start_boottime` of the victim, in nanoseconds; 0 if it could not be read.
    pub start_boottime: u64,
    /// `task->tgid` of the victim.
    pub pid: u32,
    /// `task->pid`
    pub tid: u32,
    /// `task->comm` at the mark.
    pub comm: Option<KernelText>,
    /// Who gave it back.
    pub by: FreedBy,
    /// `mm->pgtables_bytes` that is left.
    pub pgtables_bytes: Option<u64>,
    /// What is left.
    pub rss: Rss,
}

/// Who gave memory back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FreedBy {
    /// The process when it exited.
    #[default]
    Exit,
    /// The kernel's reaper.
    Reaper,
}

pub(super) fn freed(bytes: &[u8]) -> Result<Box<Freed>, WireError> {
    let (it, _) = read::<record::Freed>(bytes, kind::FREED)?;
    let present = Present::of(&it.header);
    Ok(Box::new(Freed {
        incident: it.header.incident,
        source: it.header.source.into(),
        boot_ns: it.header.boot_ns,
        marked_ns: it.marked_ns,
        start_boottime: it.start_boottime,
        pid: it.pid,
        tid: it.tid,
        comm: present.text(field::COMM, &it.comm),
        by: if it.by == by::REAPER { FreedBy::Reaper } else { FreedBy::Exit },
        pgtables_bytes: present.get(field::PGTABLES_BYTES, it.pgtables_bytes),
        rss: present.rss(field::RSS, it.rss),
    }))
}
