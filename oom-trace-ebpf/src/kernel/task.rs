//! Tasks.

use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_get_current_task};
use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::{COMM_LEN, NODEMASK_LEN};

use super::{Cgroup, Got, Mm, load, pointer, read, read_bytes, read_nodemask};
use crate::scratch::Word;

/// `struct task_struct`
#[derive(Clone, Copy)]
pub(crate) struct Task(u64);

/// How many threads of a process whose leader has exited are asked for its memory.
const THREADS: u32 = 8;

impl Task {
    pub(crate) fn new(address: u64) -> Self {
        Self(address)
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

    pub(crate) fn tid(self) -> Got<u32> {
        read(self.0, layout!(task_pid))
    }

    pub(crate) fn pid(self) -> Got<u32> {
        read(self.0, layout!(task_tgid))
    }

    pub(crate) fn comm(self, target: &mut [u8; COMM_LEN]) -> u64 {
        read_bytes(self.0, layout!(task_comm), COMM_LEN as u32, target)
    }

    pub(crate) fn uid(self) -> Got<u32> {
        read(pointer(self.0, layout!(task_real_cred)), layout!(cred_uid))
    }

    pub(crate) fn gid(self) -> Got<u32> {
        read(pointer(self.0, layout!(task_real_cred)), layout!(cred_gid))
    }

    /// The thread-group leader of its parent.
    pub(crate) fn parent(self) -> Self {
        Self(pointer(pointer(self.0, layout!(task_real_parent)), layout!(task_group_leader)))
    }

    /// The first thread of its process.
    pub(crate) fn leader(self) -> Self {
        Self(pointer(self.0, layout!(task_group_leader)))
    }

    /// Whether nobody refers to it any more: it is about to be, or has been, freed.
    pub(crate) fn is_freed(self) -> bool {
        let usage = read::<u32>(self.0, layout!(task_usage));
        usage.ok != 0 && usage.value == 0
    }

    pub(crate) fn start_boottime(self) -> Got<u64> {
        read(self.0, layout!(task_start_boottime))
    }

    /// What all threads of its process share: `struct signal_struct`.
    pub(crate) fn signal(self) -> u64 {
        pointer(self.0, layout!(task_signal))
    }

    pub(crate) fn oom_score_adj(self) -> Got<i32> {
        read::<i16>(self.signal(), layout!(signal_oom_score_adj)).map(i32::from)
    }

    pub(crate) fn threads(self) -> Got<u32> {
        read(self.signal(), layout!(signal_nr_threads))
    }

    pub(super) fn flags(self) -> u32 {
        read(self.0, layout!(task_flags)).value
    }

    /// `struct mempolicy`; 0 for none.
    pub(super) fn mempolicy(self) -> u64 {
        pointer(self.0, layout!(task_mempolicy))
    }

    /// Who logged in.
    pub(crate) fn login_uid(self) -> Got<u32> {
        read(self.0, layout!(task_loginuid))
    }

    /// The thread of its process that has the memory (`find_lock_task_mm`, mm/oom_kill.c): itself, or
    /// one of its first threads where it has exited. At 0 if there is none.
    pub(crate) fn with_mm(self) -> Self {
        if self.mm().address() != 0 { self } else { Self(thread_with_mm(self.0)) }
    }

    /// Whether its process has been marked before.
    pub(crate) fn is_oom_victim(self) -> bool {
        self.oom_mm().address() != 0
    }

    /// The memory that its process had when it was marked; at 0 if it was not.
    pub(crate) fn oom_mm(self) -> Mm {
        Mm::new(pointer(self.signal(), layout!(signal_oom_mm)))
    }

    /// The process id in the innermost of its pid namespaces.
    pub(crate) fn ns_pid(self) -> Got<u32> {
        let (pids, kind) = (layout!(signal_pids), layout!(pidtype_tgid));
        let (numbers, upid_size) = (layout!(pid_numbers), layout!(upid_size));
        if pids == ABSENT || kind == ABSENT || numbers == ABSENT || upid_size == ABSENT {
            return Got::default();
        }
        let pid = load::<u64>(self.signal() + pids as u64 + kind as u64 * 8).value;
        let level = read::<u32>(pid, layout!(pid_level)).value;
        let upid = pid + numbers as u64 + level as u64 * upid_size as u64;
        read(upid, layout!(upid_nr))
    }

    pub(crate) fn mm(self) -> Mm {
        Mm::new(pointer(self.0, layout!(task_mm)))
    }

    /// The nodes its cpuset allows.
    pub(crate) fn mems_allowed(self, target: &mut [u8; NODEMASK_LEN]) -> Got<u32> {
        read_nodemask(self.0, layout!(task_mems_allowed), target)
    }

    /// Its cgroup for the controller with this number.
    #[inline(always)]
    fn subsys_cgroup(self, id: u32) -> Cgroup {
        let subsys = layout!(css_set_subsys);
        if id == ABSENT || subsys == ABSENT {
            return Cgroup::new(0);
        }
        let set = pointer(self.0, layout!(task_cgroups));
        let css = load::<u64>(set + subsys as u64 + id as u64 * 8).value;
        Cgroup::new(pointer(css, layout!(css_cgroup)))
    }

    /// The cgroup that its memory is charged to.
    pub(crate) fn memory_cgroup(self) -> Cgroup {
        self.subsys_cgroup(layout!(memory_cgrp_id))
    }

    pub(crate) fn cpuset_cgroup(self) -> Cgroup {
        self.subsys_cgroup(layout!(cpuset_cgrp_id))
    }

    /// The cgroup it is in: on v2 it may lie below the one that its memory is charged to.
    pub(crate) fn cgroup(self) -> Cgroup {
        let memory = self.memory_cgroup();
        let set = pointer(self.0, layout!(task_cgroups));
        let own = Cgroup::new(pointer(set, layout!(css_set_dfl_cgrp)));
        if own.root() != 0 && own.root() == memory.root() { own } else { memory }
    }
}

/// Where the search of [`thread_with_mm`] is: a `list_head`.
static THREAD: Word = Word::zero();

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_with_mm(task: u64) -> u64 {
    let (head, task) = (layout!(signal_thread_head), Task(task));
    THREAD.set(pointer(task.signal(), head));
    let pid = task.pid().value as u64;
    for _ in 0..THREADS {
        let thread = next_with_mm(pid);
        if thread != 0 {
            return thread;
        }
    }
    0
}

/// The next thread, if it is of that process and has the memory; 0 if not.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn next_with_mm(pid: u64) -> u64 {
    let (at, node) = (THREAD.get(), layout!(task_thread_node));
    if node == ABSENT {
        return 0;
    }
    THREAD.set(load::<u64>(at).value);
    let thread = Task(at.wrapping_sub(node as u64));
    let is_it = thread.mm().address() != 0 && thread.pid().value as u64 == pid;
    if is_it { thread.0 } else { 0 }
}
