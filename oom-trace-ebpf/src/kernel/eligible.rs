//! Which tasks the kernel may choose (`oom_unkillable_task`, `oom_cpuset_eligible` in
//! mm/oom_kill.c).

use oom_trace_common::record::NODEMASK_LEN;

use super::{OomControl, Task, read, read_nodemask};

/// include/linux/sched.h
const PF_KTHREAD: u32 = 0x0020_0000;

/// Words of a node mask.
const WORDS: usize = NODEMASK_LEN / 8;

impl OomControl {
    /// Whether the task is one to be weighed. Of its threads the first is asked.
    #[inline(always)]
    pub(crate) fn may_choose(self, task: Task) -> bool {
        if task.flags() & PF_KTHREAD != 0 || task.pid().value == 1 {
            return false;
        }
        // A machine where all memory is one node's, or a cgroup's shortage.
        if machine!(has_nodes) == 0 || self.memcg().value.address() != 0 {
            return true;
        }
        match self.nodemask_address() {
            0 => allows_a_node_of(task, Task::current()),
            mask => may_use_a_node_of(task, mask),
        }
    }
}

/// `cpuset_mems_allowed_intersects` (kernel/cgroup/cpuset.c)
#[inline(never)]
fn allows_a_node_of(task: Task, current: Task) -> bool {
    let mut masks = [[0; WORDS]; 2];
    let [own, other] = masks.each_mut().map(bytes);
    let read = task.mems_allowed(own).ok & current.mems_allowed(other).ok;
    read == 0 || intersect(&masks)
}

/// `mempolicy_in_oom_domain` (mm/mempolicy.c)
#[inline(never)]
fn may_use_a_node_of(task: Task, nodemask: u64) -> bool {
    let policy = task.mempolicy();
    let mode = read::<u16>(policy, layout!(mempolicy_mode));
    if policy == 0 || mode.ok == 0 || mode.value as u32 != layout!(mpol_bind) {
        return true;
    }
    let mut masks = [[0; WORDS]; 2];
    let [own, other] = masks.each_mut().map(bytes);
    let read = read_nodemask(policy, layout!(mempolicy_nodes), own).ok
        & read_nodemask(nodemask, 0, other).ok;
    read == 0 || intersect(&masks)
}

#[inline(always)]
fn bytes(mask: &mut [u64; WORDS]) -> &mut [u8; NODEMASK_LEN] {
    zerocopy::transmute_mut!(mask)
}

#[inline(always)]
fn intersect([one, other]: &[[u64; WORDS]; 2]) -> bool {
    let common = one.iter().zip(other).map(|(one, other)| one & other);
    common.fold(0, |all, word| all | word) != 0
}
