//! The kernel's account of a shortage.

use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::NODEMASK_LEN;

use super::{Cgroup, Got, Task, load, pointer, read, read_nodemask};
use crate::maps::LAYOUT;

/// `struct oom_control`; at 0 where no hook saw it.
#[derive(Clone, Copy)]
pub(crate) struct OomControl(u64);

impl OomControl {
    pub(crate) fn new(address: u64) -> Self {
        Self(address)
    }

    pub(crate) fn gfp_mask(self) -> Got<u32> {
        read(self.0, layout!(oc_gfp_mask))
    }

    pub(crate) fn order(self) -> Got<i32> {
        read(self.0, layout!(oc_order))
    }

    pub(crate) fn totalpages(self) -> Got<u64> {
        read(self.0, layout!(oc_totalpages))
    }

    pub(crate) fn chosen(self) -> Task {
        Task::new(pointer(self.0, layout!(oc_chosen)))
    }

    pub(crate) fn chosen_points(self) -> Got<i64> {
        read(self.0, layout!(oc_chosen_points))
    }

    pub(crate) fn constraint(self) -> Got<u32> {
        read(self.0, layout!(oc_constraint))
    }

    /// The cgroup whose memory ran out; at 0 for a shortage of the whole machine.
    pub(crate) fn memcg(self) -> Got<Memcg> {
        read(self.0, layout!(oc_memcg)).map(Memcg)
    }

    /// The nodes that the allocation was bound to: 1 if it was, and the nodes are there.
    pub(crate) fn nodemask(self, target: &mut [u8; NODEMASK_LEN]) -> Got<u64> {
        read::<u64>(self.0, layout!(oc_nodemask))
            .map(|nodemask| read_nodemask(nodemask, 0, target).ok)
    }
}

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

    pub(crate) fn cgroup(self) -> Cgroup {
        Cgroup::new(pointer(self.0, layout!(memcg_cgroup)))
    }

    pub(crate) fn usage(self) -> Got<u64> {
        read(self.0, layout!(memcg_usage))
    }

    pub(crate) fn max(self) -> Got<u64> {
        read(self.0, layout!(memcg_max))
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

    #[inline(always)]
    fn event(self, index: u32) -> Got<u64> {
        let events = layout!(memcg_events);
        if events == ABSENT || index == ABSENT {
            return Got::default();
        }
        load(self.0 + events as u64 + index as u64 * 8)
    }
}
