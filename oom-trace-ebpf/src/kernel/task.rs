//! Tasks.

use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_get_current_task};
use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::{COMM_LEN, NODEMASK_LEN};

use super::{Cgroup, Mm, load, load_bytes, load_nodemask, member, pointer, read};
use crate::maps::LAYOUT;

/// `struct task_struct`
#[derive(Clone, Copy)]
pub(crate) struct Task(u64);

impl Task {
    pub(crate) fn at(address: u64) -> Option<Self> {
        (address != 0).then_some(Self(address))
    }

    pub(crate) fn current() -> Self {
        // SAFETY: the helper takes nothing.
        Self(unsafe { bpf_get_current_task() })
    }

    /// `current`'s tgid and tid, in the initial pid namespace.
    pub(crate) fn current_thread() -> u64 {
        // SAFETY: the helper takes nothing.
        unsafe { bpf_get_current_pid_tgid() }
    }

    pub(crate) fn address(self) -> u64 {
        self.0
    }

    pub(crate) fn tid(self) -> Option<u32> {
        read(self.0, layout!(task_pid))
    }

    pub(crate) fn pid(self) -> Option<u32> {
        read(self.0, layout!(task_tgid))
    }

    pub(crate) fn comm(self, target: &mut [u8; COMM_LEN]) -> bool {
        member(self.0, layout!(task_comm))
            .is_some_and(|address| load_bytes(address, target, COMM_LEN as u32))
    }

    pub(crate) fn uid(self) -> Option<u32> {
        read(pointer(self.0, layout!(task_real_cred))?, layout!(cred_uid))
    }

    pub(crate) fn gid(self) -> Option<u32> {
        read(pointer(self.0, layout!(task_real_cred))?, layout!(cred_gid))
    }

    /// The thread-group leader of its parent.
    pub(crate) fn parent(self) -> Option<Self> {
        let parent = pointer(self.0, layout!(task_real_parent))?;
        pointer(parent, layout!(task_group_leader)).map(Self)
    }

    pub(crate) fn start_boottime(self) -> Option<u64> {
        read(self.0, layout!(task_start_boottime))
    }

    fn signal(self) -> Option<u64> {
        pointer(self.0, layout!(task_signal))
    }

    pub(crate) fn oom_score_adj(self) -> Option<i32> {
        read::<i16>(self.signal()?, layout!(signal_oom_score_adj)).map(i32::from)
    }

    pub(crate) fn threads(self) -> Option<u32> {
        read(self.signal()?, layout!(signal_nr_threads))
    }

    /// Whether its process has been marked before.
    pub(crate) fn is_oom_victim(self) -> bool {
        self.signal().and_then(|signal| pointer(signal, layout!(signal_oom_mm))).is_some()
    }

    /// The process id in the innermost of its pid namespaces.
    pub(crate) fn ns_pid(self) -> Option<u32> {
        let (kind, upid_size) = (layout!(pidtype_tgid), layout!(upid_size));
        if kind == ABSENT || upid_size == ABSENT {
            return None;
        }
        let pids = member(self.signal()?, layout!(signal_pids))?;
        let pid = load::<u64>(pids + kind as u64 * 8)?;
        let level = read::<u32>(pid, layout!(pid_level))?;
        let upid = member(pid, layout!(pid_numbers))? + level as u64 * upid_size as u64;
        read(upid, layout!(upid_nr))
    }

    pub(crate) fn mm(self) -> Option<Mm> {
        pointer(self.0, layout!(task_mm)).map(Mm::new)
    }

    /// The nodes its cpuset allows; the number of bytes that mean something.
    pub(crate) fn mems_allowed(self, target: &mut [u8; NODEMASK_LEN]) -> Option<u32> {
        load_nodemask(member(self.0, layout!(task_mems_allowed))?, target)
    }

    /// Its cgroup for the controller with this number.
    #[inline(always)]
    fn subsys_cgroup(self, id: u32) -> Option<Cgroup> {
        if id == ABSENT {
            return None;
        }
        let set = pointer(self.0, layout!(task_cgroups))?;
        let subsys = member(set, layout!(css_set_subsys))?;
        let css = load::<u64>(subsys + id as u64 * 8)?;
        pointer(css, layout!(css_cgroup)).map(Cgroup::new)
    }

    /// The cgroup that its memory is charged to.
    pub(crate) fn memory_cgroup(self) -> Option<Cgroup> {
        self.subsys_cgroup(layout!(memory_cgrp_id))
    }

    pub(crate) fn cpuset_cgroup(self) -> Option<Cgroup> {
        self.subsys_cgroup(layout!(cpuset_cgrp_id))
    }

    /// The cgroup it is in: on v2 it may lie below the one that its memory is charged to.
    pub(crate) fn cgroup(self) -> Option<Cgroup> {
        let memory = self.memory_cgroup()?;
        let own = pointer(self.0, layout!(task_cgroups))
            .and_then(|set| pointer(set, layout!(css_set_dfl_cgrp)))
            .map(Cgroup::new);
        match own {
            Some(own) if own.root().is_some() && own.root() == memory.root() => Some(own),
            _ => Some(memory),
        }
    }
}
