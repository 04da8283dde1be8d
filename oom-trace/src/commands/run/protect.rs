//! The agent survives what it watches, and keeps no more rights than it needs.

use std::fs;
use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::thread::{
    CapabilitySet, CapabilitySets, disable_transparent_huge_pages, set_capabilities,
};

use crate::bpf::lift_memlock;
use crate::cause::more_files;

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
pub(in crate::commands) fn survive() -> Vec<String> {
    let spare = fs::write("/proc/self/oom_score_adj", "-1000").map_err(|error| {
        let takes = takes(&error, "CAP_SYS_RESOURCE");
        format!("cannot set oom_score_adj, so oom-trace itself may be OOM-killed: {error}{takes}")
    });
    let lock = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let refused = |error: io::Error, capability| {
        let takes = takes(&error, capability);
        format!("cannot lock memory, so oom-trace may be swapped out: {error}{takes}")
    };
    // With a limit left, some later allocation would fail.
    let locked = lift_memlock()
        .map_err(|error| refused(error, "CAP_SYS_RESOURCE"))
        .and_then(|()| mlockall(lock).map_err(|error| refused(error.into(), "CAP_IPC_LOCK")));
    [spare, locked].into_iter().filter_map(Result::err).collect()
}

/// What it takes to be permitted, if that is what was wanting.
fn takes(error: &io::Error, capability: &str) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(" (it needs {capability})"),
        _ => more_files(error).to_owned(),
    }
}

/// Has all threads share one heap: those that load programs would leave some pages in one of their own. To be
/// called before there are any. Without it there are more heaps, which [`keep_heap`] says.
pub(super) fn one_heap() -> bool {
    crate::bpf::share_heap()
}

/// Has the heap keep its pages: it gives nothing back. To be called once loading has given back what it took.
/// Returns what could not be had.
pub(super) fn keep_heap(is_one: bool) -> Option<String> {
    let kept = crate::bpf::keep_heap();
    (!(kept && is_one)).then(|| {
        "the heap may give memory back to the kernel, and lack it when memory is short".to_owned()
    })
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
        assert_eq!(keep_heap(one_heap()), None);
        let faults_of_use = || {
            let before = faults();
            std::hint::black_box(vec![1_u8; LARGE]);
            faults() - before
        };
        // Other tests have the same heap, and may take the place in between.
        assert!((0..10).any(|_| faults_of_use() == 0));
    }
}
