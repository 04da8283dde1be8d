//! `oom-trace trigger`, which makes a kill of its own.

use std::fs;

use crate::scenario::Scenario;
use crate::support::agent::oom_trace;
use crate::watch::Watch;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("trigger_leaves_nothing", trigger_leaves_nothing)];

fn trigger_leaves_nothing() {
    let control = "/sys/fs/cgroup/cgroup.subtree_control";
    fs::write(control, "-memory").unwrap();
    let watch = Watch::start("auto");
    let output = oom_trace(&["trigger", "--memory", "16M"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let record = watch.finish(1).only().clone();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.contains(&format!("process {} ", record["victim"]["pid"])), "{line}");
    assert!(line.contains(record["limit"]["cgroup"].as_str().unwrap()), "{line}");
    assert!(!fs::read_to_string(control).unwrap().contains("memory"));
    let entries = fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!entries.into_iter().any(|name| name.to_string_lossy().contains("oom-trace")));
}
