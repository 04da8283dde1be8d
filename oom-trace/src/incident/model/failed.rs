//! A shortage in which nobody could be killed.

use serde::{Deserialize, Serialize};

use super::{Candidates, Census, Origin, Shortage, Source, System, Why};
use crate::text::KernelText;

/// What the kernel says then (`out_of_memory`, mm/oom_kill.c).
pub const NO_KILLABLE: &str = "Out of memory and no killable processes...";

/// Memory ran out, and the kernel found no process that it may kill; it did not panic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OomFailed {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `oom_failed`.
    #[serde(rename = "type")]
    pub kind: OomFailedType,
    /// Names the first shortage of the episode, unique over boots.
    pub incident: String,
    /// When the first one was.
    #[serde(flatten)]
    pub origin: Origin,
    /// What reported it.
    pub source: Source,
    /// The kernel's words.
    pub message: KernelText,
    /// How many shortages in a row ended so, of the same trigger and limit.
    pub failures: u64,
    /// From the first of them to the last.
    pub lasted_ms: Option<u64>,
    /// The shortage.
    #[serde(flatten)]
    pub shortage: Shortage,
    /// The tasks that the kernel looked at: who holds the memory.
    pub candidates: Option<Candidates>,
    /// All of them, summed by name and by cgroup.
    pub census: Option<Census>,
    /// How the machine stood.
    pub system: Option<System>,
    /// What ran short in a sentence, and what to do.
    pub why: Option<Why>,
}

/// The `type` of an [`OomFailed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomFailedType {
    /// The only one.
    #[default]
    OomFailed,
}
