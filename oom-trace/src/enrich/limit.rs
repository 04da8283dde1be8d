//! Whose limit it was, and what is above it.

use super::Enricher;
use crate::incident::model::{Limit, LimitEvents};
use crate::text::KernelText;
use crate::wire::{Incident, Level, Usage};

/// `PAGE_COUNTER_MAX` (include/linux/page_counter.h): no limit, in pages.
const fn no_limit(page_size: u64) -> u64 {
    i64::MAX as u64 / page_size
}

/// From this version on the log's `failcnt` of cgroup v2 is how often usage met the limit
/// (`memory.events`), before it `page_counter.failcnt` (`mem_cgroup_print_oom_meminfo`,
/// mm/memcontrol.c).
const FAILCNT_IS_EVENTS: (u32, u32) = (6, 17);

/// `cgroup_root.hierarchy_id` of cgroup v2.
const UNIFIED: u32 = 0;

impl Enricher {
    /// `None` for a shortage that is no cgroup's.
    pub(super) fn limit(&self, start: &Incident) -> Option<Limit> {
        start.is_memcg.filter(|&is_memcg| is_memcg)?;
        let path = start.limit_path.as_ref();
        let mut levels = (0..).zip(&start.levels).map(|(depth, level)| Limit {
            cgroup: path.and_then(|path| above_path(path, depth)),
            ..self.level(level, start.limit_hierarchy)
        });
        Some(match levels.next() {
            Some(limit) => Limit { ancestors: Some(levels.collect()), ..limit },
            None => Limit { cgroup: path.cloned(), ..Limit::default() },
        })
    }

    /// The counters that the kernel prints. It has one for v2's swap and for v1's memory and swap.
    fn usage(&self, usage: &Usage, hierarchy: Option<u32>) -> Limit {
        let bytes = |pages| self.bytes(pages);
        let max = |pages| self.max(pages);
        let limit = Limit {
            usage_bytes: bytes(usage.memory),
            max_bytes: max(usage.memory_max),
            ..Limit::default()
        };
        let (both_usage, both_max) = (bytes(usage.swap), max(usage.swap_max));
        let events = self.release.version() >= FAILCNT_IS_EVENTS;
        match hierarchy {
            None => limit,
            Some(UNIFIED) => Limit {
                failcnt: if events { usage.memory_events } else { usage.memory_failcnt },
                swap_usage_bytes: both_usage,
                swap_max_bytes: both_max,
                swap_failcnt: if events { usage.swap_events } else { usage.swap_failcnt },
                ..limit
            },
            Some(_) => Limit {
                failcnt: usage.memory_failcnt,
                memsw_usage_bytes: both_usage,
                memsw_max_bytes: both_max,
                memsw_failcnt: usage.swap_failcnt,
                kmem_usage_bytes: bytes(usage.kmem),
                kmem_max_bytes: max(usage.kmem_max),
                kmem_failcnt: usage.kmem_failcnt,
                ..limit
            },
        }
    }

    /// What only a level tells, added to its usage. Cgroup v1 has none of it.
    fn level(&self, level: &Level, hierarchy: Option<u32>) -> Limit {
        let usage = self.usage(&level.usage, hierarchy);
        if hierarchy != Some(UNIFIED) {
            return usage;
        }
        let [low, high, max, oom, oom_kill, oom_group_kill] = level.events;
        Limit {
            high_bytes: self.max(level.high),
            low_bytes: self.bytes(level.low),
            min_bytes: self.bytes(level.min),
            oom_group: level.oom_group,
            events: Some(LimitEvents { low, high, max, oom, oom_kill, oom_group_kill }),
            ..usage
        }
    }

    fn bytes(&self, pages: Option<u64>) -> Option<u64> {
        pages.map(|pages| pages.saturating_mul(self.page_size))
    }

    fn max(&self, pages: Option<u64>) -> Option<u64> {
        self.bytes(pages.filter(|&pages| pages < no_limit(self.page_size)))
    }
}

/// The path so many levels above.
fn above_path(path: &KernelText, levels: u32) -> Option<KernelText> {
    let mut path = path.as_bytes();
    for _ in 0..levels {
        let (parent, _) = path.split_at_checked(path.iter().rposition(|&byte| byte == b'/')?)?;
        path = parent;
    }
    Some(KernelText::from(if path.is_empty() { b"/" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_above_are_named_by_the_path_below() {
        let path = KernelText::from("/a/b");
        let above = [0, 1, 2, 3].map(|levels| above_path(&path, levels));
        let expected = [Some("/a/b".into()), Some("/a".into()), Some("/".into()), None];
        assert_eq!(above, expected);
    }
}
