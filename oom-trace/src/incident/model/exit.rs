//! Whether it helped.

use serde::{Deserialize, Serialize};

use super::{Memory, Origin, Source};
use crate::text::KernelText;

/// The memory of a victim is back, or it is not after a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OomExit {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `oom_exit`.
    #[serde(rename = "type")]
    pub kind: OomExitType,
    /// The `incident` of its `oom_kill` record.
    pub incident: String,
    /// When.
    #[serde(flatten)]
    pub origin: Origin,
    /// What reported it.
    pub source: Source,
    /// `victim.pid` of that record.
    pub pid: u32,
    /// `victim.tid` of that record.
    pub tid: u32,
    /// `victim.comm` of that record.
    pub comm: Option<KernelText>,
    /// Whether it is back.
    pub state: ExitState,
    /// From the mark to this moment.
    pub freed_after_ms: Option<u64>,
    /// From the mark to this moment, for a victim that is stuck.
    pub stuck_for_ms: Option<u64>,
    /// Who gave the memory back.
    pub by: Option<FreedBy>,
    /// Whether the log has this and no line of its kill, which was lost, or never was, as it was exiting
    /// already: then `incident` is of no other record.
    #[serde(default)]
    pub kill_missing: bool,
    /// What is not back: what the reaper could not free, or all that a stuck victim still has.
    pub left: Option<Memory>,
}

/// The `type` of an [`OomExit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomExitType {
    /// The only one.
    #[default]
    OomExit,
}

/// Whether the memory is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitState {
    /// It is.
    Freed,
    /// Not after ten seconds.
    Stuck,
}

/// Who gave memory back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreedBy {
    /// The process itself, when it exited.
    Exit,
    /// The kernel's `oom_reaper`.
    Reaper,
}
