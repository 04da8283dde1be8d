//! Views of the kernel's objects over the layout: the only place that reads kernel memory.
//!
//! A view is an address. A member that this kernel lacks, or that cannot be read, is `None`.

use aya_ebpf::helpers::generated::{
    bpf_get_current_pid_tgid, bpf_get_current_task, bpf_probe_read_kernel,
    bpf_probe_read_kernel_str,
};
use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::{
    COMM_LEN, MAX_CPUS, NAME_LEN, NODEMASK_LEN, PATH_DEPTH, PATHS_LEN, rss,
};

use crate::maps::{LAYOUT, MACHINE};
use crate::records::Paths;

/// A row of the layout. User space rewrites the global before load: the compiler must not know it.
macro_rules! layout {
    ($name:ident) => {{
        let row: *const u32 = &raw const LAYOUT.$name;
        // SAFETY: a field of a global that lives as long as the program.
        unsafe { row.read_volatile() }
    }};
}

/// Likewise for what is known of the machine.
macro_rules! machine {
    ($name:ident) => {{
        let field = &raw const MACHINE.$name;
        // SAFETY: a field of a global that lives as long as the program.
        unsafe { field.read_volatile() }
    }};
}

/// Whether `oom/mark_victim` passes the task and not its id.
pub(crate) fn mark_victim_has_task() -> bool {
    machine!(mark_victim_has_task) != 0
}

/// The address of a member, if the kernel has it.
#[inline(always)]
fn member(base: u64, offset: u32) -> Option<u64> {
    (base != 0 && offset != ABSENT).then_some(base.wrapping_add(offset as u64))
}

/// Plain data that any bytes are a value of.
trait Plain: Copy + Default {}
impl Plain for u8 {}
impl Plain for i16 {}
impl Plain for u32 {}
impl Plain for i32 {}
impl Plain for u64 {}
impl Plain for i64 {}

#[inline(always)]
fn load<T: Plain>(address: u64) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the helper writes `size_of::<T>()` bytes to `value`, and a bad address is an error.
    let status = unsafe {
        bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, address as *const _)
    };
    (status == 0).then_some(value)
}

#[inline(always)]
fn read<T: Plain>(base: u64, offset: u32) -> Option<T> {
    load(member(base, offset)?)
}

/// A pointer that is not NULL.
#[inline(always)]
fn pointer(base: u64, offset: u32) -> Option<u64> {
    read::<u64>(base, offset).filter(|&address| address != 0)
}

/// Fills `target` from `address`; false, and all zero, where that cannot be read.
#[inline(always)]
fn load_bytes<const N: usize>(address: u64, target: &mut [u8; N], len: u32) -> bool {
    let len = if len > N as u32 { N as u32 } else { len };
    // SAFETY: the helper writes `len` ≤ N bytes to `target`, and a bad address is an error.
    unsafe { bpf_probe_read_kernel(target.as_mut_ptr().cast(), len, address as *const _) == 0 }
}

/// Copies a string with its NUL and returns the bytes written.
#[inline(always)]
pub(crate) fn load_str<const N: usize>(address: u64, target: &mut [u8; N]) -> Option<u32> {
    // SAFETY: the helper writes N bytes at the most to `target`, and a bad address is an error.
    let len = unsafe {
        bpf_probe_read_kernel_str(target.as_mut_ptr().cast(), N as u32, address as *const _)
    };
    (len >= 0).then_some(len as u32)
}

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
        pointer(self.0, layout!(task_mm)).map(Mm)
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
        pointer(css, layout!(css_cgroup)).map(Cgroup)
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
            .map(Cgroup);
        match own {
            Some(own) if own.root().is_some() && own.root() == memory.root() => Some(own),
            _ => Some(memory),
        }
    }
}

/// `struct mm_struct`
#[derive(Clone, Copy)]
pub(crate) struct Mm(u64);

/// The layout's numbers of the kinds of counters, in the order of the record.
#[inline(always)]
fn rss_member(place: usize) -> u32 {
    match place {
        rss::FILE => layout!(mm_filepages),
        rss::ANON => layout!(mm_anonpages),
        rss::SWAP => layout!(mm_swapents),
        _ => layout!(mm_shmempages),
    }
}

impl Mm {
    pub(crate) fn total_vm(self) -> Option<u64> {
        read(self.0, layout!(mm_total_vm))
    }

    pub(crate) fn pgtables_bytes(self) -> Option<u64> {
        read(self.0, layout!(mm_pgtables_bytes))
    }

    /// A counter of the address space in pages: as it stands, and with its per-CPU parts.
    ///
    /// `place` is one of `record::rss`.
    #[inline(always)]
    pub(crate) fn rss(self, place: usize) -> (Option<i64>, Option<i64>) {
        let (index, counters) = (rss_member(place), layout!(mm_rss_counters));
        let stride = if counters == ABSENT { 8 } else { layout!(percpu_counter_size) };
        if index == ABSENT || stride == ABSENT {
            return (None, None);
        }
        let at = self.0 + index as u64 * stride as u64;
        let count = read::<i64>(at, layout!(mm_rss_count));
        if counters == ABSENT {
            return (count, count);
        }
        let sum = match (count, read::<u64>(at, counters)) {
            (Some(count), Some(cookie)) => per_cpu_sum(cookie).map(|parts| count + parts),
            _ => None,
        };
        (count, sum)
    }
}

/// The sum over all CPUs of a per-CPU `s32`.
///
/// `cookie` is what the kernel keeps as the pointer, an offset that may wrap: the address on a CPU
/// is `cookie + __per_cpu_offset[cpu]` (`per_cpu_ptr`, include/linux/percpu-defs.h).
#[inline(never)]
fn per_cpu_sum(cookie: u64) -> Option<i64> {
    let (bases, cpus) = (machine!(per_cpu_offset), machine!(possible_cpus));
    if bases == 0 || cpus > MAX_CPUS {
        return None;
    }
    let mut sum = 0;
    for cpu in 0..MAX_CPUS {
        if cpu >= cpus {
            break;
        }
        let base = load::<u64>(bases + cpu as u64 * 8)?;
        sum += load::<i32>(cookie.wrapping_add(base))? as i64;
    }
    Some(sum)
}

/// Copies as much of a `nodemask_t` as this kernel has.
#[inline(always)]
fn load_nodemask(address: u64, target: &mut [u8; NODEMASK_LEN]) -> Option<u32> {
    let len = layout!(nodemask_size);
    (len <= NODEMASK_LEN as u32 && load_bytes(address, target, len)).then_some(len)
}

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
        pointer(self.0, layout!(oc_chosen)).map(Task)
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
        pointer(self.0, layout!(memcg_cgroup)).map(Cgroup)
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

/// `struct cgroup`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cgroup(u64);

impl Cgroup {
    fn root(self) -> Option<u64> {
        pointer(self.0, layout!(cgroup_root))
    }

    fn kn(self) -> Option<u64> {
        pointer(self.0, layout!(cgroup_kn))
    }

    /// The inode number of its directory.
    pub(crate) fn id(self) -> Option<u64> {
        read(self.kn()?, layout!(kernfs_id))
    }

    /// The last component of its path, empty for the root.
    pub(crate) fn name(self, target: &mut [u8; NAME_LEN]) -> bool {
        self.kn()
            .and_then(|kn| pointer(kn, layout!(kernfs_name)))
            .and_then(|name| load_str(name, target))
            .is_some()
    }

    /// Writes its path behind `start`, the leaf first, and returns where it ends.
    ///
    /// `None` if it is deeper than [`PATH_DEPTH`] or longer than the room left.
    #[inline(always)]
    pub(crate) fn path(self, paths: &mut Paths, start: u32) -> Option<u32> {
        write_path(self.kn()?, paths, start).try_into().ok()
    }
}

/// The end of the path, or a negative number. One function, so that the verifier's work and the
/// program's size do not grow with the paths of a record.
#[inline(never)]
fn write_path(leaf: u64, paths: &mut Paths, start: u32) -> i64 {
    let mut kn = leaf;
    let mut end = start as usize;
    for _ in 0..PATH_DEPTH {
        let Some(parent) = read::<u64>(kn, layout!(kernfs_parent)) else { return -1 };
        if parent == 0 {
            return end as i64;
        }
        if end >= PATHS_LEN {
            return -1;
        }
        let Some(name) = pointer(kn, layout!(kernfs_name)) else { return -1 };
        // SAFETY: the masked position leaves NAME_LEN bytes of `paths`.
        let room =
            unsafe { &mut *paths.as_mut_ptr().add(end & (PATHS_LEN - 1)).cast::<[u8; NAME_LEN]>() };
        let Some(len) = load_str(name, room) else { return -1 };
        end += len as usize;
        kn = parent;
    }
    -1
}
