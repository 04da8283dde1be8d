//! Whose limit it was, and what is above it.

use super::Enricher;
use super::shortage::Fields;
use crate::incident::model::{Limit, LimitEvents};
use crate::incident::record::{Level, Usage, incident_field, level_field, usage_field};
use crate::text::KernelText;

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
    pub(super) fn limit(
        &self,
        fields: Fields<'_>,
        path: Option<&KernelText>,
        levels: &[Level],
    ) -> Option<Limit> {
        let start = fields.0;
        fields.has(incident_field::LIMIT, start.limit).filter(|&memcg| memcg != 0)?;
        let hierarchy = fields.has(incident_field::LIMIT_HIERARCHY, start.limit_hierarchy);
        let mut levels = levels.iter().map(|level| Limit {
            cgroup: path.and_then(|path| above_path(path, level.depth)),
            ..self.level(level, hierarchy)
        });
        Some(match levels.next() {
            Some(limit) => Limit { ancestors: Some(levels.collect()), ..limit },
            None => Limit { cgroup: path.cloned(), ..Limit::default() },
        })
    }

    /// The counters that the kernel prints. It has one for v2's swap and for v1's memory and swap.
    fn usage(&self, usage: &Usage, present: u64, hierarchy: Option<u32>) -> Limit {
        let count = |bit, count: u64| (present & bit != 0).then_some(count);
        let bytes = |bit, pages| self.bytes(present, bit, pages);
        let max = |bit, pages| self.max(present, bit, pages);
        let limit = Limit {
            usage_bytes: bytes(usage_field::MEMORY, usage.memory),
            max_bytes: max(usage_field::MEMORY_MAX, usage.memory_max),
            ..Limit::default()
        };
        let both_usage = bytes(usage_field::SWAP, usage.swap);
        let both_max = max(usage_field::SWAP_MAX, usage.swap_max);
        let both_failcnt = count(usage_field::SWAP_FAILCNT, usage.swap_failcnt);
        let failcnt = count(usage_field::MEMORY_FAILCNT, usage.memory_failcnt);
        let events = self.release.version() >= FAILCNT_IS_EVENTS;
        match hierarchy {
            None => limit,
            Some(UNIFIED) => Limit {
                failcnt: if events {
                    count(usage_field::MEMORY_EVENTS, usage.memory_events)
                } else {
                    failcnt
                },
                swap_usage_bytes: both_usage,
                swap_max_bytes: both_max,
                swap_failcnt: if events {
                    count(usage_field::SWAP_EVENTS, usage.swap_events)
                } else {
                    both_failcnt
                },
                ..limit
            },
            Some(_) => Limit {
                failcnt,
                memsw_usage_bytes: both_usage,
                memsw_max_bytes: both_max,
                memsw_failcnt: both_failcnt,
                kmem_usage_bytes: bytes(usage_field::KMEM, usage.kmem),
                kmem_max_bytes: max(usage_field::KMEM_MAX, usage.kmem_max),
                kmem_failcnt: count(usage_field::KMEM_FAILCNT, usage.kmem_failcnt),
                ..limit
            },
        }
    }

    /// What only a level tells, added to its usage. Cgroup v1 has none of it.
    fn level(&self, level: &Level, hierarchy: Option<u32>) -> Limit {
        let usage = self.usage(&level.usage, level.header.present, hierarchy);
        if hierarchy != Some(UNIFIED) {
            return usage;
        }
        let present = level.header.present;
        let bytes = |bit, pages| self.bytes(present, bit, pages);
        let event = |place: usize| {
            let has = present & (level_field::EVENTS << place) != 0;
            level.events.get(place).copied().filter(|_| has)
        };
        let group = (present & level_field::OOM_GROUP != 0).then_some(level.oom_group != 0);
        Limit {
            high_bytes: self.max(present, level_field::HIGH, level.high),
            low_bytes: bytes(level_field::LOW, level.low),
            min_bytes: bytes(level_field::MIN, level.min),
            oom_group: group,
            events: Some(LimitEvents {
                low: event(0),
                high: event(1),
                max: event(2),
                oom: event(3),
                oom_kill: event(4),
                oom_group_kill: event(5),
            }),
            ..usage
        }
    }

    fn bytes(&self, present: u64, bit: u64, pages: u64) -> Option<u64> {
        (present & bit != 0).then(|| pages.saturating_mul(self.page_size))
    }

    fn max(&self, present: u64, bit: u64, pages: u64) -> Option<u64> {
        self.bytes(present, bit, pages).filter(|_| pages < no_limit(self.page_size))
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
