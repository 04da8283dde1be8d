//! What the tests on real kernels share: the agent as a user runs it, and the kernel as the oracle.

pub(crate) mod agent;
pub(crate) mod compare;
pub(crate) mod kmsg;
pub(crate) mod log;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// For what takes milliseconds, and may take seconds where the processor is emulated.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `oom_kill` of `/proc/vmstat`: the kernel's own count of its kills since boot.
pub(crate) fn kernel_kills() -> u64 {
    let vmstat = fs::read_to_string("/proc/vmstat").unwrap();
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap()
}

/// Waits until it is so; `what` is wrong until then.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}
