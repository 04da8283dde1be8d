//! A shortage that ends the machine (`vm.panic_on_oom`).

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::scenario::{Machine, Scenario};
use crate::support::agent::oom_trace;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("panic_on_oom", panic_on_oom).on(Machine::Panic)];

/// There is no afterwards: who booted the machine looks for the record on its console.
///
/// The agent is on another processor than the kernel is when it panics. On the same one it gets no
/// turn before, unless it is moved away in time.
fn panic_on_oom() {
    stay_on(1);
    let console = File::options().write(true).open("/dev/console").unwrap();
    let mut agent = oom_trace(&["--attach", "kprobe", "--format", "json"])
        .stdout(console)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(agent.stderr.take().unwrap()).lines();
    said.find(|line| line.as_ref().unwrap().contains("attached")).unwrap().unwrap();
    stay_on(0);
    let cgroup = Cgroup::new("unlimited");
    let mut hog = Hog::start(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    fs::write("/proc/sys/vm/panic_on_oom", "1").unwrap();
    // A line takes a serial console so many milliseconds, and that of QEMU none.
    fs::write("/proc/sys/kernel/printk_delay", "9").unwrap();
    hog.grow();
    let status = agent.wait().unwrap();
    panic!("the kernel did not panic, and the agent ended with {status}");
}

/// Keeps this process, and those it starts from now on, on one processor.
fn stay_on(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).unwrap();
}
