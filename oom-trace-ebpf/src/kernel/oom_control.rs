//! The kernel's account of a shortage.

use oom_trace_common::record::NODEMASK_LEN;

use super::{Got, Memcg, Task, pointer, read, read_nodemask};

/// `struct oom_control`; at 0 where no hook saw it.
#[derive(Clone, Copy)]
pub(crate) struct OomControl(u64);

impl OomControl {
    pub(crate) fn new(address: u64) -> Self {
        Self(address)
    }

    pub(crate) fn address(self) -> u64 {
        self.0
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
        read(self.0, layout!(oc_memcg)).map(Memcg::new)
    }

    /// Where the nodes are that the allocation was bound to; 0 for all.
    pub(super) fn nodemask_address(self) -> u64 {
        pointer(self.0, layout!(oc_nodemask))
    }

    /// The nodes that the allocation was bound to: 1 if it was, and the nodes are there.
    pub(crate) fn nodemask(self, target: &mut [u8; NODEMASK_LEN]) -> Got<u64> {
        read::<u64>(self.0, layout!(oc_nodemask))
            .map(|nodemask| read_nodemask(nodemask, 0, target).ok)
    }
}
