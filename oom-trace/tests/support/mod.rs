//! What the tests on real kernels share: the agent as a user runs it, and the kernel as the oracle.

pub(crate) mod agent;
pub(crate) mod compare;
pub(crate) mod kmsg;
pub(crate) mod log;

use std::fs;
use std::time::Duration;

use rustix::process::setpriority_process;

/// For what takes milliseconds, and may take seconds where the processor is emulated.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `oom_kill` of `/proc/vmstat`: the kernel's own count of its kills since boot.
pub(crate) fn kernel_kills() -> u64 {
    let vmstat = fs::read_to_string("/proc/vmstat").unwrap();
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap()
}

/// Gives this thread the processor as soon as it wants it: one that reads the kernel's log must not fall
/// behind a process that floods it.
pub(crate) fn run_before_others() {
    // Who may not do this reads what the log holds for longer.
    let _ = setpriority_process(None, -20);
}
