//! What only the kernel's own dump has: the agent takes it from there.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use crate::cgroup::Cgroup;
use crate::hog::{Growth, Hog, Spec, named};
use crate::scenario::{Machine, Scenario};
use crate::support::agent::{oom_trace, record};
use crate::watch::{Seen, Watch, kill_one};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("memcg_kill_has_what_the_kernel_dumps", memcg_kill).sharing().on_each_kernel(),
    Scenario::new("global_kill_has_what_the_kernel_dumps", global_kill).sharing().on_each_kernel(),
    Scenario::new("dump_beside_another_processor", beside_another_processor).on(Machine::TwoCpus),
    Scenario::new("kills_back_to_back_have_each_its_own_dump", back_to_back).on_each_kernel(),
    Scenario::new("kills_by_the_tracepoint_have_each_its_own_dump", by_the_tracepoint)
        .on_each_kernel(),
    Scenario::new("nobody_to_kill", nobody_to_kill).on_each_kernel(),
];

/// After it the log may no longer go back to the boot.
pub(crate) const OVERFLOWS: &[Scenario] =
    &[Scenario::new("nobody_to_kill_for_long", nobody_to_kill_for_long).on_each_kernel()];

/// What comes from the dump alone.
const OF_THE_DUMP: [&str; 7] = [
    "/census",
    "/limit/stat",
    "/system/zones",
    "/system/node_counters",
    "/system/huge_pages",
    "/system/counters",
    "/system/protection",
];

/// What the log itself tells, as `history` reads it, by the records' ids.
pub(crate) fn logged() -> HashMap<String, Value> {
    let output = oom_trace(&["history", "--log", "--format", "json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(record);
    records.map(|record| (record["id"].as_str().unwrap().to_owned(), record)).collect()
}

/// The agent's record has what the log's own has and no hook tells.
pub(crate) fn assert_as_described(record: &Value, logged: &Value) {
    assert_eq!(logged["source"], "kernel_log", "{logged:#}");
    for key in OF_THE_DUMP {
        let [told, logged] = [record, logged].map(|it| it.pointer(key).unwrap_or(&Value::Null));
        assert_eq!(told, logged, "{key}: {record:#}");
    }
}

/// As [`assert_as_described`], of a kill that the kernel described.
pub(crate) fn assert_described(record: &Value) {
    let logged = logged();
    let own = logged.get(record["id"].as_str().unwrap());
    assert_as_described(record, own.unwrap_or_else(|| panic!("not in the log: {record:#}")));
}

fn memcg_kill() {
    let cgroup = Cgroup::limited("described", 24 << 20);
    let seen = kill_one(&named("hog"), &cgroup);
    let record = seen.only();
    assert_stat(&seen, &record["limit"]["stat"]);
    assert_described(record);
    seen.assert_all_told();
    assert!(record["system"]["zones"].is_null(), "a dump for a cgroup has none: {record:#}");
    assert!(record["system"]["taken_after_ms"].is_u64(), "{record:#}");
}

fn beside_another_processor() {
    let cgroup = Cgroup::limited("described", 24 << 20);
    let watch = Watch::start("kprobe");
    let mut hog = Hog::start(&named("hog"), &cgroup);
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    assert_stat(&seen, &seen.only()["limit"]["stat"]);
    assert_described(seen.only());
}

/// Its numbers stand in the log as they are.
fn assert_stat(seen: &Seen, stat: &Value) {
    for name in ["anon", "file", "slab", "pgfault"] {
        let line = format!("{name} {}", stat[name].as_u64().unwrap());
        assert!(seen.logged(&line), "{line}: {stat:#}");
    }
}

fn global_kill() {
    let cgroup = Cgroup::new("unlimited");
    let seen = kill_one(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    let record = seen.only();
    let zones = record["system"]["zones"].as_array().unwrap();
    assert!(!zones.is_empty(), "{record:#}");
    for zone in zones {
        let kib = |key: &str| zone[key].as_u64().unwrap() / 1024;
        let name = zone["name"].as_str().unwrap();
        let line = format!("{name} free:{}kB", kib("free_bytes"));
        assert!(seen.logged(&line), "{line}: {zone:#}");
        assert!(seen.logged(&format!("low:{}kB", kib("low_bytes"))), "{zone:#}");
    }
    let ram = record["system"]["counters"]["ram"].as_u64().unwrap();
    assert!(seen.logged(&format!("{ram} pages RAM")), "{record:#}");
    assert_described(record);
    seen.assert_all_told();
}

/// The second begins while the agent is told of the first.
fn back_to_back() {
    two_kills("kprobe");
}

fn by_the_tracepoint() {
    let limits = two_kills("tracepoint");
    assert_eq!(limits, ["/first", "/second"]);
}

/// The limits of two kills in two cgroups.
fn two_kills(attach: &str) -> Vec<String> {
    let cgroups = ["first", "second"].map(|name| Cgroup::limited(name, 24 << 20));
    let watch = Watch::start(attach);
    for cgroup in &cgroups {
        let mut hog = Hog::start(&named("hog"), cgroup);
        hog.grow();
        hog.killed();
    }
    let seen = watch.stop(2);
    seen.assert_nothing_lost();
    seen.records.iter().for_each(assert_described);
    let own = seen.records.iter().map(|record| &record["limit"]["stat"]["anon"]);
    assert!(own.clone().all(Value::is_u64), "{:#?}", own.collect::<Vec<_>>());
    let limit = |record: &Value| record["limit"]["cgroup"].as_str().unwrap().to_owned();
    seen.records.iter().map(limit).collect()
}

/// It fills a file, and is told that there is no room.
fn nobody_to_kill() {
    let cgroup = Cgroup::limited("nobody", 24 << 20);
    let mut watch = Watch::start("kprobe");
    let growth = Growth::File("/tmp".into());
    let spec = Spec { oom_score_adj: -1000, growth, ..named("spared") };
    let mut hog = Hog::start(&spec, &cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.ended();
    watch.await_failure();
    let seen = watch.finish(0);
    assert_eq!(seen.kills, 0);
    assert!(seen.logged("no killable processes"));
    let failed = only_failure(&seen, &cgroup, pid);
    assert!(failed["lasted_ms"].as_u64().unwrap() < 1000, "{failed:#}");
}

/// It has no page for its own memory, and comes back to the same page fault until it may be killed.
fn nobody_to_kill_for_long() {
    let cgroup = Cgroup::limited("nobody", 24 << 20);
    let mut watch = Watch::start("kprobe");
    let mut hog = Hog::start(&Spec { oom_score_adj: -1000, ..named("spared") }, &cgroup);
    let pid = hog.pid();
    // It floods the log, and those who read it must keep up.
    hog.give_way();
    hog.grow();
    watch.await_failure();
    fs::write(format!("/proc/{pid}/oom_score_adj"), "0").unwrap();
    hog.killed();
    let seen = watch.finish(1);
    assert_eq!(seen.only()["victim"]["pid"], pid);
    // However many there were.
    let failed = only_failure(&seen, &cgroup, pid);
    assert!(failed["failures"].as_u64().unwrap() > 0, "{failed:#}");
}

/// Who holds what, and how the limit stands.
fn only_failure<'a>(seen: &'a Seen, cgroup: &Cgroup, pid: u32) -> &'a Value {
    let [failed] = &seen.failures[..] else { panic!("{:#?}", seen.failures) };
    assert_eq!(failed["source"], "kprobe");
    assert_eq!(failed["scope"], "memcg");
    assert_eq!(failed["message"], "Out of memory and no killable processes...");
    assert_eq!(failed["trigger"]["pid"], pid, "{failed:#}");
    assert_eq!(failed["limit"]["cgroup"], cgroup.path(), "{failed:#}");
    assert_eq!(failed["limit"]["max_bytes"], 24 << 20, "{failed:#}");
    assert_stat(seen, &failed["limit"]["stat"]);
    let holder = &failed["candidates"]["top"][0];
    assert_eq!(holder["pid"], pid, "{failed:#}");
    assert_eq!(holder["oom_score_adj"], -1000, "{failed:#}");
    assert!(failed["system"]["total_bytes"].is_u64(), "{failed:#}");
    failed
}
