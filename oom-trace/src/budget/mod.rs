//! How much memory this process may use: the limits of its cgroup and of those above it.
//!
//! Kernel source: `memory_max_show`, `memory_current_read` and `memory_stat_show` (mm/memcontrol.c);
//! of version 1 `mem_cgroup_read_u64` and `memcg1_stat_format` (mm/memcontrol-v1.c).

mod level;
mod tree;

use std::fs;

pub use self::level::{Kind, Limit};
use self::level::{Level, Stat};

/// Bytes that loading the programs may take on a kernel we know of, in the process and, charged to
/// its cgroup, in the verifier.
pub const LOADING_BYTES: u64 = 18 << 20;

/// Bytes that are left to all but what waits for outputs: what they write into, and sockets.
pub const RESERVE_BYTES: u64 = 2 << 20;

/// Bytes that may wait for outputs: at the least, so that the greatest record has room, and at the
/// most, which is also what may wait where there is no limit.
pub const BACKLOG_BYTES: (u64, u64) = (256 << 10, 32 << 20);

/// What may wait for outputs under a limit: half of what it leaves after [`RESERVE_BYTES`], within
/// [`BACKLOG_BYTES`]. `used` is what is in use without that which waits, and cannot be reclaimed.
#[must_use]
pub fn backlog_bytes(limit: u64, used: u64) -> u64 {
    let (least, most) = BACKLOG_BYTES;
    (limit.saturating_sub(used).saturating_sub(RESERVE_BYTES) / 2).clamp(least, most)
}

/// The limits, held open.
#[derive(Debug)]
pub struct Budget {
    /// This process's cgroup first.
    levels: Vec<Level>,
    stat: Stat,
    tightest: Option<Tightest>,
    /// The most that has waited: the heap keeps its room (`bpf::keep_heap`).
    waited: u64,
    backlog_bytes: u64,
}

/// The limit that leaves the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tightest {
    level: usize,
    limit: Limit,
    /// Without what can be reclaimed.
    used: u64,
}

impl Tightest {
    fn left(&self) -> u64 {
        self.limit.bytes.saturating_sub(self.used)
    }
}

/// The programs do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "loading the eBPF programs takes up to {} MiB of memory, and {} of cgroup {cgroup} leaves \
     {} MiB; set it to at least {} MiB (MemoryMax= of the service, resources.limits.memory of the \
     container)",
    LOADING_BYTES >> 20, limit.kind, left >> 20, least.div_ceil(1 << 20)
)]
pub struct TooLittle {
    /// Whose limit it is.
    pub cgroup: String,
    /// Which.
    pub limit: Limit,
    /// Bytes that it leaves.
    pub left: u64,
    /// Bytes that it should be.
    pub least: u64,
}

impl Budget {
    /// This process's; without a limit if none can be read.
    #[must_use]
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
    }

    /// By the text of these two files of /proc/self.
    fn of(cgroup: &str, mountinfo: &str) -> Self {
        let levels = tree::levels(cgroup, mountinfo);
        let mut budget =
            Self { levels, stat: Stat::default(), tightest: None, waited: 0, backlog_bytes: 0 };
        budget.refresh(0);
        budget
    }

    /// Reads the limits and what is used again; `waiting` are the bytes that wait for outputs now.
    /// Allocates nothing.
    pub fn refresh(&mut self, waiting: u64) {
        self.waited = self.waited.max(waiting);
        let Self { levels, stat, tightest, waited, backlog_bytes: _ } = self;
        *tightest = None;
        for (index, level) in levels.iter().enumerate() {
            let limits = level.limits().min_by_key(|limit| limit.bytes);
            let Some(limit) = limits else { continue };
            let Some(mut used) = level.used() else { continue };
            // To know what can be reclaimed costs the kernel more than all else here.
            let plenty = LOADING_BYTES.max(RESERVE_BYTES + 2 * BACKLOG_BYTES.1);
            if limit.bytes.saturating_sub(used.saturating_sub(*waited)) < plenty {
                used = used.saturating_sub(level.reclaimable(stat));
            }
            let this = Tightest { level: index, limit, used };
            if tightest.is_none_or(|other| this.left() < other.left()) {
                *tightest = Some(this);
            }
        }
        self.backlog_bytes = match self.tightest {
            Some(Tightest { limit, used, .. }) => {
                backlog_bytes(limit.bytes, used.saturating_sub(self.waited))
            }
            None => BACKLOG_BYTES.1,
        };
    }

    /// What may wait for outputs, by what was read last; see [`backlog_bytes`].
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes
    }

    /// The limit that leaves the least, its cgroup, and what of it is used and cannot be reclaimed.
    #[must_use]
    pub fn tightest(&self) -> Option<(&str, Limit, u64)> {
        let Tightest { level, limit, used } = self.tightest?;
        Some((self.levels.get(level)?.path(), limit, used))
    }

    /// Whether the programs can be loaded. Reads all again.
    ///
    /// # Errors
    /// A limit that kills leaves less than [`LOADING_BYTES`].
    pub fn fits_loading(&mut self) -> Result<(), TooLittle> {
        let Self { levels, stat, .. } = self;
        for level in levels {
            let limits = level.limits().filter(|limit| limit.kind.kills());
            let Some(limit) = limits.min_by_key(|limit| limit.bytes) else { continue };
            let Some(used) = level.used() else { continue };
            let least = used.saturating_sub(level.reclaimable(stat)) + LOADING_BYTES;
            if limit.bytes < least {
                let left = (limit.bytes + LOADING_BYTES).saturating_sub(least);
                return Err(TooLittle { cgroup: level.path().to_owned(), limit, left, least });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
