//! The agent survives what it watches, and keeps no more rights than it needs.

use std::fs;
use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, disable_transparent_huge_pages, set_capabilities,
};

/// Lifts RLIMIT_MEMLOCK, 64 KiB to 8 MiB by default: kernels before 5.11 charge maps to it, and
/// under `mlockall` every later mapping counts.
///
/// # Errors
/// It takes `CAP_SYS_RESOURCE` to raise the hard limit.
pub(crate) fn lift_memlock() -> io::Result<()> {
    Ok(setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?)
}

/// Has the kernel back no part of this process's memory by pages of 2 MiB: where they are used unasked
/// (`transparent_hugepage/enabled` is `always`), one stands for each heap and stack that happens to lie
/// right, touched or not. To be called before anything else. It does without where it may not.
pub(super) fn small_pages() {
    let _ = disable_transparent_huge_pages(true);
}

/// Has the OOM killer spare this process and keeps its memory from being swapped or dropped.
/// Returns what could not be had.
///
/// Pages are locked as they are first used, so that the parts of the binary that never run cost
/// nothing.
pub(super) fn survive() -> Vec<String> {
    let spare = fs::write("/proc/self/oom_score_adj", "-1000").map_err(|error| {
        format!("cannot set oom_score_adj, so oom-trace itself may be OOM-killed: {error}")
    });
    let lock = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    // With a limit left, some later allocation would fail.
    let locked = lift_memlock()
        .and_then(|()| Ok(mlockall(lock)?))
        .map_err(|error| format!("cannot lock memory, so oom-trace may be swapped out: {error}"));
    [spare, locked].into_iter().filter_map(Result::err).collect()
}

/// Heap that is resident before it is needed: more than the records of a group of some hundred
/// processes take on their way.
const HEAP_BYTES: usize = 384 << 10;

/// Has the heap keep its pages: one for all threads, which gives nothing back. To be called once loading
/// has given back what it took, and before there are other threads. Returns what could not be had.
pub(super) fn keep_heap() -> Option<String> {
    let kept = crate::bpf::keep_heap();
    (!kept).then(|| "the heap may give memory back and miss it when memory is short".to_owned())
}

/// Touches some of the heap in advance, so that a record on its way asks the kernel for no page: with
/// this process's own cgroup full and nobody in it who may be killed, the kernel would come back to the
/// page fault for ever (`pagefault_out_of_memory`, mm/oom_kill.c). To be called when all is there that
/// stays: what is made later would lie in it.
pub(super) fn reserve_heap() {
    // From the heap's end, to which it returns.
    let mut heap = vec![0_u8; HEAP_BYTES];
    for page in heap.chunks_mut(rustix::param::page_size()) {
        page.fill(1);
    }
    std::hint::black_box(&heap);
}

/// Gives up, for this thread and those it starts, what was needed to attach. What stays: reading
/// kernel addresses, and reopening files in folders of others.
pub(super) fn drop_privileges() -> Option<String> {
    let keep = CapabilitySet::DAC_OVERRIDE | CapabilitySet::SYSLOG;
    let Ok(now) = rustix::thread::capabilities(None) else {
        return Some("cannot read this process's capabilities".to_owned());
    };
    let sets = CapabilitySets {
        effective: now.effective & keep,
        permitted: now.permitted & keep,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets).err().map(|error| format!("cannot drop capabilities: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minor page faults of this thread.
    fn faults() -> u64 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_in_use_before_takes_no_new_page() {
        // What malloc by itself would always map and unmap (DEFAULT_MMAP_THRESHOLD_MAX).
        const LARGE: usize = 40 << 20;
        assert_eq!(keep_heap(), None);
        let faults_of_use = || {
            let before = faults();
            std::hint::black_box(vec![1_u8; LARGE]);
            faults() - before
        };
        // Other tests have the same heap, and may take the place in between.
        assert!((0..10).any(|_| faults_of_use() == 0));
    }
}
