//! What was read at one moment, as plain data. What a kernel does not have, or this user may not read, is
//! `None`.

use std::time::Duration;

use crate::incident::model::System;
use crate::text::KernelText;

/// The machine at a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// When, since the view was started.
    pub(super) at: Duration,
    pub(super) machine: Machine,
    /// In no order; a parent may stand behind its children.
    pub(super) cgroups: Vec<Cgroup>,
    /// Processes that have memory of their own, in no order.
    pub(super) tasks: Vec<Task>,
    /// Processes that are there and may not be read.
    pub(super) hidden_tasks: usize,
}

/// What is not of one cgroup or process.
#[derive(Debug, Clone, Default)]
pub(super) struct Machine {
    pub(super) system: System,
    /// `/proc/vmstat` `oom_kill`: kills since boot.
    pub(super) oom_kills: Option<u64>,
    /// Process 1 here is that of the machine, which is never killed, and not a container's.
    pub(super) is_first_pid_namespace: bool,
    /// `vm.oom_kill_allocating_task`.
    pub(super) kills_allocating_task: bool,
    /// `/proc/uptime`.
    pub(super) uptime: Option<Duration>,
}

/// A memory cgroup. What of it is not read at each look is as it was when it was last read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cgroup {
    /// From the root of what can be seen, which is `/`.
    pub(super) path: KernelText,
    /// Its inode: one that is made anew under an old name has another.
    pub(super) inode: u64,
    /// `memory.current`, with all that is below it.
    pub(super) used: Option<u64>,
    /// Of that, pages of files that the kernel drops or writes back before it kills.
    pub(super) cache: Option<u64>,
    /// `memory.max`, if it is set.
    pub(super) max: Option<u64>,
    /// `memory.high`, if it is set.
    pub(super) high: Option<u64>,
    /// Swap that may be used on top of `max`, if that is limited.
    pub(super) swap_max: Option<u64>,
    /// Whether its processes are swapped at all (`memory.swappiness`); `None` if it has no say of its own.
    pub(super) swaps: Option<bool>,
    /// `memory.pressure`, in percent of the last ten seconds: some of its tasks waited for memory.
    pub(super) some: Option<f64>,
    /// All of them did.
    pub(super) full: Option<f64>,
    /// `oom_kill` of `memory.events`: victims in it, and below it on cgroup v2.
    pub(super) kills: Option<u64>,
    /// `memory.oom.group`: a kill takes all of it.
    pub(super) dies_whole: bool,
    /// All of this was read at this look, not the usage alone.
    pub(super) is_whole: bool,
}

impl Cgroup {
    /// What the kernel cannot drop.
    pub(super) fn held(&self) -> Option<u64> {
        Some(self.used?.saturating_sub(self.cache.unwrap_or(0)))
    }

    /// How much of its limit is held, in thousandths.
    pub(super) fn fill(&self) -> Option<u64> {
        let (held, max) = (u128::from(self.held()?), u128::from(self.max?));
        u64::try_from((held * 1000).checked_div(max).unwrap_or(1000)).ok()
    }
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) pid: u32,
    pub(super) comm: KernelText,
    /// Resident bytes.
    pub(super) rss: u64,
    pub(super) swap: u64,
    /// Bytes of its page tables.
    pub(super) pgtables: u64,
    pub(super) oom_score_adj: i16,
    /// Its memory cgroup, as [`Cgroup::path`].
    pub(super) cgroup: KernelText,
}

/// The cgroup that one is in; the root is in none.
pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    let at = path.iter().rposition(|byte| *byte == b'/')?;
    match at {
        0 if path.len() > 1 => Some(b"/"),
        0 => None,
        at => path.get(..at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_can_drop_is_not_held() {
        let cgroup =
            Cgroup { used: Some(1000), cache: Some(600), max: Some(1000), ..Cgroup::default() };
        assert_eq!((cgroup.held(), cgroup.fill()), (Some(400), Some(400)));
        assert_eq!(Cgroup { max: None, ..cgroup.clone() }.fill(), None);
        assert_eq!(Cgroup { max: Some(0), ..cgroup }.fill(), Some(1000));
    }
    #[test]
    fn a_parent_is_one_level_up() {
        assert_eq!(parent(b"/a/b"), Some(&b"/a"[..]));
        assert_eq!(parent(b"/a"), Some(&b"/"[..]));
        assert_eq!(parent(b"/"), None);
    }
}
