//! `oom-trace trigger`, which makes a kill of its own.

use std::fs;

use serde_json::Value;

use crate::scenario::Scenario;
use crate::support::agent::oom_trace;
use crate::watch::{Seen, Watch};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("trigger_leaves_nothing", trigger_leaves_nothing),
    Scenario::new("trigger_makes_each_case", trigger_makes_each_case),
];

/// What the agent saw of a case that has so many victims.
pub(crate) fn triggered(args: &[&str], victims: usize) -> Seen {
    let seen = caused(args);
    assert_eq!(seen.records.len(), victims, "{args:?}: {:#?}", seen.records);
    seen
}

/// What the agent saw of a case, and the command says that it killed.
fn caused(args: &[&str]) -> Seen {
    let watch = Watch::start("auto");
    let output = oom_trace(&[&["trigger"], args].concat()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    let line = String::from_utf8(output.stdout).unwrap();
    let pids = line.split_once(" (").unwrap().0.split([' ', ',']).filter_map(|it| it.parse().ok());
    let pids: Vec<u64> = pids.collect();
    let seen = watch.finish(pids.len());
    for record in &seen.records {
        assert!(pids.contains(&record["victim"]["pid"].as_u64().unwrap()), "{line}");
    }
    seen
}

fn trigger_makes_each_case() {
    let bytes = |record: &Value, key: &str| record["victim"]["memory"][key].as_u64().unwrap();

    let seen = triggered(&["--case", "ancestor"], 1);
    let [limit, own] = ["/limit/cgroup", "/victim/cgroup/path"].map(|key| seen.only().pointer(key));
    let below = format!("{}/below", limit.unwrap().as_str().unwrap());
    assert_eq!(own.unwrap(), &below);

    let seen = triggered(&["--case", "group"], 3);
    let incidents = seen.records.iter().map(|record| &record["incident"]);
    assert!(incidents.clone().eq(std::iter::repeat_n(&seen.records[0]["incident"], 3)));

    let seen = caused(&["--case", "other"]);
    let (record, others) = seen.records.split_first().unwrap();
    assert_ne!(record["victim"]["pid"], record["trigger"]["pid"], "{record:#}");
    assert_eq!(record["trigger"]["comm"], "oom-victim");
    // Where the memory of the first is not free in time, the kernel kills whoever asked for it as well.
    let asker = |other: &&Value| other["victim"]["pid"] == record["trigger"]["pid"];
    assert_eq!(others.iter().filter(asker).count(), others.len(), "{others:#?}");
    assert!(others.len() <= 1, "{others:#?}");

    let seen = triggered(&["--case", "tmpfs"], 1);
    let record = seen.only();
    assert!(bytes(record, "anon_rss_bytes") < 8 << 20, "{record:#}");
    let shmem = record["limit"]["stat"]["shmem"].as_u64();
    assert!(shmem.is_none_or(|bytes| bytes > 16 << 20), "{record:#}");

    let record = triggered(&["--case", "page-tables"], 1).only().clone();
    let tables = bytes(&record, "pgtables_bytes");
    assert!(tables > 10 << 20, "{record:#}");

    let seen = triggered(&["--global", "--yes-kill-something"], 1);
    assert_eq!(seen.only()["scope"], "global");
}

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
