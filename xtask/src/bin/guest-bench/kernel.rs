//! What the kernel says, for every tool alike.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};

const KPROBES: &str = "/sys/kernel/debug/kprobes/list";
/// The tracing file system.
pub(crate) const TRACING: &str = "/sys/kernel/tracing";
const COUNTING: &str = "/proc/sys/kernel/bpf_stats_enabled";
const SECOND_CPU: &str = "/sys/devices/system/cpu/cpu1/online";
const FUNCTION: &str = "oom_kill_process";

/// Switches on what the measurements need.
pub(crate) fn prepare() -> Result<()> {
    write("/sys/fs/cgroup/cgroup.subtree_control", "+memory")?;
    write(&format!("{TRACING}/trace_clock"), "boot")
}

/// How many kprobes there are on the function that all tools hook.
pub(crate) fn hooks() -> Result<usize> {
    let list = fs::read_to_string(KPROBES).with_context(|| format!("cannot read {KPROBES}"))?;
    Ok(list.lines().filter(|line| line.contains(FUNCTION)).count())
}

/// The functions that probes of any kind are on.
pub(crate) fn probed() -> Result<BTreeSet<String>> {
    let path = format!("{TRACING}/enabled_functions");
    let list = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // Lines further in tell more of a function.
    let functions = list.lines().filter(|line| !line.starts_with(char::is_whitespace));
    Ok(functions.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Whether the kernel lists in its log the tasks it weighed.
pub(crate) fn list_tasks(whether: bool) -> Result<()> {
    write("/proc/sys/vm/oom_dump_tasks", if whether { "1" } else { "0" })
}

/// Takes the second processor away, where there is one.
pub(crate) struct OneCpu;

impl OneCpu {
    pub(crate) fn start() -> Result<Self> {
        if Path::new(SECOND_CPU).exists() {
            write(SECOND_CPU, "0")?;
        }
        Ok(Self)
    }
}

impl Drop for OneCpu {
    fn drop(&mut self) {
        // It fails where there is none.
        let _ = write(SECOND_CPU, "1");
    }
}

/// Has the kernel count what eBPF programs take, which itself takes time.
pub(crate) struct Counting;

impl Counting {
    pub(crate) fn start() -> Result<Self> {
        write(COUNTING, "1").map(|()| Self)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // Left on, it would only slow down what is measured next.
        let _ = write(COUNTING, "0");
    }
}

/// The kernel's count of its kills.
pub(crate) fn oom_kills() -> Result<u64> {
    let vmstat = fs::read_to_string("/proc/vmstat").context("cannot read /proc/vmstat")?;
    let count = vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "));
    Ok(count.context("no oom_kill in /proc/vmstat")?.parse()?)
}

/// CLOCK_BOOTTIME now.
pub(crate) fn boot_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let [secs, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    secs * 1_000_000_000 + nanos
}

/// Notes when the kernel comes by places, by trace events of ours.
pub(crate) struct Clock;

impl Clock {
    /// Events of the group `bench`, as `kprobe_events` takes them.
    pub(crate) fn start(events: &[&str]) -> Result<Self> {
        write(&format!("{TRACING}/kprobe_events"), &events.join("\n"))?;
        write(&format!("{TRACING}/events/bench/enable"), "1")?;
        Ok(Self)
    }

    /// Forgets what was noted.
    pub(crate) fn clear(&self) -> Result<()> {
        write(&format!("{TRACING}/trace"), "")
    }

    /// The first of this event, on the boot clock.
    pub(crate) fn first(&self, event: &str) -> Result<u64> {
        let trace = fs::read_to_string(format!("{TRACING}/trace"))?;
        let event = format!(": {event}: ");
        let time = trace.lines().find_map(|line| line.split_once(&event)?.0.rsplit(' ').next());
        time.and_then(nanos).with_context(|| format!("in {trace}"))
    }
}

/// A time of the trace: seconds, and six digits of parts.
pub(crate) fn nanos(time: &str) -> Option<u64> {
    let (secs, micros) = time.split_once('.')?;
    Some(secs.parse::<u64>().ok()? * 1_000_000_000 + micros.parse::<u64>().ok()? * 1_000)
}

impl Drop for Clock {
    fn drop(&mut self) {
        // Left behind, they would only be counted as hooks more.
        let _ = write(&format!("{TRACING}/events/bench/enable"), "0");
        let _ = write(&format!("{TRACING}/kprobe_events"), "");
    }
}

pub(crate) fn write(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {text:?} to {path}"))
}
