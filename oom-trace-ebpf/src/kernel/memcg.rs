//! Memory cgroups.

use oom_trace_common::layout::ABSENT;

use super::{Cgroup, Got, load, pointer, read};

/// `struct mem_cgroup`
#[derive(Clone, Copy, Default)]
pub(crate) struct Memcg(u64);

impl Memcg {
    pub(crate) fn address(self) -> u64 {
        self.0
    }

    pub(crate) fn new(address: u64) -> Self {
        Self(address)
    }

    /// The one above it; at 0 for the root.
    pub(crate) fn parent(self) -> Self {
        let css = layout!(memcg_css);
        let parent = pointer(self.0, layout!(memcg_parent));
        Self(if css == ABSENT || parent == 0 { 0 } else { parent - css as u64 })
    }

    pub(crate) fn cgroup(self) -> Cgroup {
        Cgroup::new(pointer(self.0, layout!(memcg_cgroup)))
    }

    pub(crate) fn usage(self) -> Got<u64> {
        read(self.0, layout!(memcg_usage))
    }

    pub(crate) fn max(self) -> Got<u64> {
        read(self.0, layout!(memcg_max))
    }

    pub(crate) fn high(self) -> Got<u64> {
        read(self.0, layout!(memcg_high))
    }

    pub(crate) fn low(self) -> Got<u64> {
        read(self.0, layout!(memcg_low))
    }

    pub(crate) fn min(self) -> Got<u64> {
        read(self.0, layout!(memcg_min))
    }

    /// `memory.oom.group`: 1 or 0.
    pub(crate) fn oom_group(self) -> Got<u64> {
        read::<u8>(self.0, layout!(memcg_oom_group)).map(u64::from)
    }

    pub(crate) fn swap_usage(self) -> Got<u64> {
        read(self.0, layout!(memcg_swap_usage))
    }

    pub(crate) fn swap_max(self) -> Got<u64> {
        read(self.0, layout!(memcg_swap_max))
    }

    pub(crate) fn kmem_usage(self) -> Got<u64> {
        read(self.0, layout!(memcg_kmem_usage))
    }

    pub(crate) fn kmem_max(self) -> Got<u64> {
        read(self.0, layout!(memcg_kmem_max))
    }

    pub(crate) fn failcnt(self) -> Got<u64> {
        read(self.0, layout!(memcg_failcnt))
    }

    pub(crate) fn swap_failcnt(self) -> Got<u64> {
        read(self.0, layout!(memcg_swap_failcnt))
    }

    pub(crate) fn kmem_failcnt(self) -> Got<u64> {
        read(self.0, layout!(memcg_kmem_failcnt))
    }

    /// How often usage met `memory.max`.
    pub(crate) fn max_events(self) -> Got<u64> {
        self.event(layout!(memcg_event_max))
    }

    /// How often usage met `memory.swap.max`.
    pub(crate) fn swap_max_events(self) -> Got<u64> {
        self.event(layout!(memcg_event_swap_max))
    }

    /// A counter of `memory.events`, by its place in a record.
    #[inline(always)]
    pub(crate) fn event_at(self, place: usize) -> Got<u64> {
        self.event(match place {
            0 => layout!(memcg_event_low),
            1 => layout!(memcg_event_high),
            2 => layout!(memcg_event_max),
            3 => layout!(memcg_event_oom),
            4 => layout!(memcg_event_oom_kill),
            _ => layout!(memcg_event_oom_group_kill),
        })
    }

    #[inline(always)]
    fn event(self, index: u32) -> Got<u64> {
        let events = layout!(memcg_events);
        if events == ABSENT || index == ABSENT {
            return Got::default();
        }
        load(self.0 + events as u64 + index as u64 * 8)
    }
}
