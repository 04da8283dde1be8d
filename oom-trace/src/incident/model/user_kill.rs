//! What was no kill by the kernel's OOM killer.

use serde::{Deserialize, Serialize};

use super::{Origin, Source};
use crate::text::KernelText;

/// A program killed another for want of memory, or ran out of memory by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserKill {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `user_kill`.
    #[serde(rename = "type")]
    pub kind: UserKillType,
    /// Names it.
    pub incident: String,
    /// When.
    #[serde(flatten)]
    pub origin: Origin,
    /// What reported it.
    pub source: Source,
    /// Who did it: `systemd-oomd`, `earlyoom`, `nohang`, `oomd`, `lmkd`, `talos`, `kubelet`, `lowmemorykiller`; or the
    /// runtime that ran out: `java`, `node`, `go`, `c++`, `python`; or who reports a kill: `kubernetes`.
    pub by: String,
    /// What was done.
    pub action: UserAction,
    /// `SIGTERM`, `SIGKILL`.
    pub signal: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// Its name, as that program has it.
    pub comm: Option<KernelText>,
    /// Its uid.
    pub uid: Option<u32>,
    /// The cgroup or unit that was killed as a whole.
    pub cgroup: Option<KernelText>,
    /// The pod, `namespace/name`.
    pub pod: Option<String>,
    /// What it held.
    pub rss_bytes: Option<u64>,
    /// What it had swapped out.
    pub swap_bytes: Option<u64>,
    /// The line.
    pub message: KernelText,
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAction {
    /// Another program sent it a signal.
    Killed,
    /// The kubelet took its pod off the node.
    Evicted,
    /// It failed by itself for want of memory that its runtime or a limit denied.
    RanOut,
    /// The kernel's OOM killer killed, says another who has it from there: the log has no line of the kernel's.
    Reported,
}

/// The `type` of a [`UserKill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKillType {
    /// The only one.
    #[default]
    UserKill,
}
