//! The tasks the kernel weighed.

use serde::{Deserialize, Serialize};

use super::Memory;
use crate::text::KernelText;

/// `OOM_SCORE_ADJ_MIN` (include/uapi/linux/oom.h): the `oom_score_adj` of what may not be killed.
pub const OOM_SCORE_ADJ_MIN: i16 = -1000;

/// The tasks the kernel weighed: one for each process that has memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidates {
    /// How many there were, those that it may not kill (`oom_score_adj` -1000) among them.
    pub total: u64,
    /// Those with the most badness, highest first: as many as `--candidates` asks for.
    pub top: Vec<Candidate>,
    /// The one that holds the most, whatever its `oom_score_adj`.
    pub largest: Option<Candidate>,
    /// By how many pages the chosen task's badness exceeds the next one's; `None` without a next.
    pub margin: Option<i64>,
    /// Whether with `oom_score_adj` 0 everywhere another task would have been chosen.
    pub decided_by_adj: Option<bool>,
}

/// A task the kernel could have chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Process id (tgid) in the initial pid namespace.
    pub pid: u32,
    /// The thread that has the memory: another than the leader if that has exited.
    pub tid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// Its owner: real uid in the initial user namespace.
    pub uid: Option<u32>,
    /// Path of its memory cgroup.
    pub cgroup: Option<KernelText>,
    /// Its memory, as this kernel weighs it.
    pub memory: Memory,
    /// Its resident memory, where only the sum is known: in a log of a kernel before 6.8.
    pub rss_bytes: Option<u64>,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// As `oom_badness` (mm/oom_kill.c) weighs it, in pages; `None` if the kernel may not kill it,
    /// or it cannot be told.
    pub badness: Option<i64>,
}

impl Candidates {
    /// The badness of a process that is told of.
    #[must_use]
    pub fn badness_of(&self, pid: u32) -> Option<i64> {
        self.top.iter().chain(&self.largest).find(|one| one.pid == pid)?.badness
    }
}

impl Candidate {
    /// What of it is resident; old logs have only the sum.
    #[must_use]
    pub fn rss(&self) -> Option<u64> {
        self.memory.resident().or(self.rss_bytes)
    }

    /// What it holds of memory and swap.
    #[must_use]
    pub fn held(&self) -> Option<u64> {
        self.rss()?.checked_add(self.memory.swap_bytes.unwrap_or(0))
    }
}
