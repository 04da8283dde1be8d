//! The kernel's account of a shortage.

use oom_trace_common::record::NODEMASK_LEN;

use super::{Cgroup, Task, load_nodemask, pointer, read};
use crate::maps::LAYOUT;

/// `struct oom_control`
#[derive(Clone, Copy)]
pub(crate) struct OomControl(u64);

impl OomControl {
    pub(crate) fn at(address: u64) -> Option<Self> {
        (address != 0).then_some(Self(address))
    }

    pub(crate) fn gfp_mask(self) -> Option<u32> {
        read(self.0, layout!(oc_gfp_mask))
    }

    pub(crate) fn order(self) -> Option<i32> {
        read(self.0, layout!(oc_order))
    }

    pub(crate) fn totalpages(self) -> Option<u64> {
        read(self.0, layout!(oc_totalpages))
    }

    pub(crate) fn chosen(self) -> Option<Task> {
        pointer(self.0, layout!(oc_chosen)).and_then(Task::at)
    }

    pub(crate) fn chosen_points(self) -> Option<i64> {
        read(self.0, layout!(oc_chosen_points))
    }

    pub(crate) fn constraint(self) -> Option<u32> {
        read(self.0, layout!(oc_constraint))
    }

    /// `Some(None)` is a shortage of the whole machine.
    pub(crate) fn memcg(self) -> Option<Option<Memcg>> {
        let memcg = read::<u64>(self.0, layout!(oc_memcg))?;
        Some((memcg != 0).then_some(Memcg(memcg)))
    }

    /// `Some(0)` if the allocation was not bound to nodes, else the bytes copied.
    pub(crate) fn nodemask(self, target: &mut [u8; NODEMASK_LEN]) -> Option<u32> {
        match read::<u64>(self.0, layout!(oc_nodemask))? {
            0 => Some(0),
            address => load_nodemask(address, target),
        }
    }
}

/// `struct mem_cgroup`
#[derive(Clone, Copy)]
pub(crate) struct Memcg(u64);

impl Memcg {
    pub(crate) fn cgroup(self) -> Option<Cgroup> {
        pointer(self.0, layout!(memcg_cgroup)).map(Cgroup::new)
    }

    pub(crate) fn usage(self) -> Option<u64> {
        read(self.0, layout!(memcg_usage))
    }

    pub(crate) fn max(self) -> Option<u64> {
        read(self.0, layout!(memcg_max))
    }

    pub(crate) fn swap_usage(self) -> Option<u64> {
        read(self.0, layout!(memcg_swap_usage))
    }

    pub(crate) fn swap_max(self) -> Option<u64> {
        read(self.0, layout!(memcg_swap_max))
    }
}
