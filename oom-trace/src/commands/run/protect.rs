//! The agent survives what it watches, and keeps no more rights than it needs.

use std::fs;
use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

/// Lifts RLIMIT_MEMLOCK, 64 KiB to 8 MiB by default: kernels before 5.11 charge maps to it, and
/// under `mlockall` every later mapping counts.
///
/// # Errors
/// It takes `CAP_SYS_RESOURCE` to raise the hard limit.
pub(crate) fn lift_memlock() -> io::Result<()> {
    Ok(setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?)
}

/// Has the OOM killer spare this process and keeps its memory from being swapped or dropped.
/// Returns what could not be had.
///
/// Pages are locked as they are first used, so that the parts of the binary that never run cost
/// nothing.
pub(super) fn survive() -> Vec<String> {
    let spare = fs::write("/proc/self/oom_score_adj", "-1000")
        .map_err(|error| format!("the OOM killer may choose oom-trace itself: {error}"));
    let lock = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    // With a limit left, some later allocation would fail.
    let locked = lift_memlock()
        .and_then(|()| Ok(mlockall(lock)?))
        .map_err(|error| format!("oom-trace's memory can be swapped out: {error}"));
    [spare, locked].into_iter().filter_map(Result::err).collect()
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
