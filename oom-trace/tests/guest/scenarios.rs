//! What the kernel is made to do, and what the agent must say of it.

use std::fs;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::many;
use crate::support::agent::oom_trace;
use crate::watch::{PAGE, Watch, release};

const MIB: usize = 1 << 20;

/// What `/proc` counts time in (`USER_HZ`).
const TICK_NS: u64 = 10_000_000;

/// The storms come last: after one, the kernel says less for five seconds.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("memcg_kill", memcg_kill),
    ("memcg_kill_seen_by_fentry", memcg_kill_seen_by_fentry),
    ("memcg_kill_seen_by_the_tracepoint", memcg_kill_seen_by_the_tracepoint),
    ("victim_is_not_the_trigger", victim_is_not_the_trigger),
    ("leader_has_exited", leader_has_exited),
    ("group_kill", many::group_kill),
    ("global_kill", global_kill),
    ("names", names),
    ("trigger_leaves_nothing", trigger_leaves_nothing),
    ("storm", many::storm),
    ("storm_of_a_group", many::storm_of_a_group),
];

fn memcg_kill() {
    one_memcg_kill("kprobe");
}

fn memcg_kill_seen_by_fentry() {
    one_memcg_kill("fentry");
}

/// One process with threads grows past its cgroup's limit.
fn one_memcg_kill(hooks: &str) {
    let cgroup = Cgroup::limited("alone", 24 << 20);
    let watch = Watch::start(hooks);
    let spec = Spec { uid: 1000, gid: 100, threads: 3, oom_score_adj: 7, ..named("hog") };
    let mut hog = Hog::start(&spec, &cgroup);
    let pid = hog.pid();
    let status = |name| hog.words("status", name)[0];
    let (threads, parent) = (status("Threads:"), status("PPid:"));
    let (uid, gid) = (status("Uid:"), status("Gid:"));
    let start_ticks = hog.start_ticks();
    hog.grow();
    hog.killed();
    let dead_ticks = now_ticks();
    let seen = watch.finish(1);
    seen.assert_context(hooks);

    let record = seen.only();
    let victim = &record["victim"];
    assert_eq!(victim["pid"], pid);
    assert_eq!(victim["tid"], pid);
    assert_eq!(victim["ns_pid"], pid);
    assert_eq!(victim["threads"], threads);
    assert_eq!(victim["ppid"], parent);
    assert_eq!(victim["parent_comm"], fs::read_to_string("/proc/self/comm").unwrap().trim_end());
    assert_eq!((&victim["uid"], &victim["gid"]), (&json!(uid), &json!(gid)));
    let own = json!({ "path": cgroup.path(), "id": cgroup.id() });
    assert_eq!(victim["cgroup"], own);
    assert_eq!(record["trigger"]["pid"], pid);
    assert_eq!(record["trigger"]["cgroup"], cgroup.path());
    assert_eq!(record["limit"]["max_bytes"], 24 << 20);
    assert_eq!(record["victim_count"], 1);

    let time = |text: &Value| text.as_str().unwrap().parse::<Timestamp>().unwrap();
    let lived = time(&record["time"]).duration_since(time(&victim["started"])).as_nanos();
    let lived = u64::try_from(lived).unwrap();
    let chosen = record["boot_ns"].as_u64().unwrap();
    assert_eq!((chosen - lived) / TICK_NS, start_ticks, "{record:#}");
    // It is marked after it was chosen, and the kernel writes much to its log in between.
    let marked = chosen - lived + victim["age_ms"].as_u64().unwrap() * 1_000_000;
    assert!((chosen / TICK_NS - 1..=dead_ticks).contains(&(marked / TICK_NS)), "{record:#}");
}

/// Hundredths of a second since boot.
fn now_ticks() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    uptime.split(' ').next().unwrap().replace('.', "").parse().unwrap()
}

fn memcg_kill_seen_by_the_tracepoint() {
    let cgroup = Cgroup::limited("alone", 24 << 20);
    let watch = Watch::start("tracepoint");
    let mut hog = Hog::start(&named("hog"), &cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    let record = seen.only();
    assert_eq!(record["source"], "tracepoint");
    assert_eq!(record["victim"]["tid"], pid);
    // The tracepoint has the victim, and nothing of the decision.
    for key in ["constraint", "nodemask", "totalpages", "chosen", "limit"] {
        assert!(record[key].is_null(), "{key}: {record:#}");
    }
    for key in ["/trigger/gfp_mask", "/trigger/order", "/victim/badness"] {
        assert_eq!(record.pointer(key), Some(&Value::Null), "{key}: {record:#}");
    }
    assert_eq!(record["outcome"], "killed");
}

/// A small process hits the limit, and a big idle one dies of it.
fn victim_is_not_the_trigger() {
    let cgroup = Cgroup::limited("shared", 48 << 20);
    let watch = Watch::start("kprobe");
    let big = Spec { holds: 32 * MIB, oom_score_adj: 500, ..named("big") };
    let big = Hog::start(&big, &cgroup);
    let mut small = Hog::start(&Spec { oom_score_adj: -500, ..named("small") }, &cgroup);
    let resident = big.words("smaps_rollup", "Rss:")[0] * 1024;
    let anonymous = big.words("smaps_rollup", "Anonymous:")[0] * 1024;
    let (victim_pid, trigger_pid) = (big.pid(), small.pid());
    small.grow();
    big.killed();
    small.killed();
    let seen = watch.finish(2);
    seen.assert_context("kprobe");

    let record = &seen.records[0];
    assert_eq!(record["victim"]["pid"], victim_pid);
    assert_eq!(record["trigger"]["pid"], trigger_pid);
    assert_eq!(record["trigger"]["comm"], "small");
    // The page tables of a process that does nothing tell what it has to the page; before 6.2 each
    // thread keeps some to itself (`TASK_RSS_EVENTS_THRESH`).
    let kept = if release() < (6, 2) { 64 * PAGE } else { 0 };
    let memory = |key| record["victim"]["memory"][key].as_u64().unwrap();
    let file = memory("file_rss_bytes") + memory("shmem_rss_bytes");
    assert!(memory("anon_rss_bytes").abs_diff(anonymous) <= kept, "{anonymous}: {record:#}");
    assert!(file.abs_diff(resident - anonymous) <= kept, "{resident}: {record:#}");
}

/// The kernel then marks, and logs, a thread that is not the process's first.
fn leader_has_exited() {
    let cgroup = Cgroup::limited("headless", 24 << 20);
    let watch = Watch::start("kprobe");
    let mut hog = Hog::start(&Spec { leader_exits: true, ..named("leader") }, &cgroup);
    let (pid, tid) = (hog.pid(), hog.other_thread());
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let victim = &seen.only()["victim"];
    assert_eq!((&victim["pid"], &victim["tid"]), (&json!(pid), &json!(tid)));
    assert_eq!(victim["comm"], "second");
    assert_eq!(seen.only()["chosen"]["tid"], pid);
}

/// The machine's own memory runs out.
fn global_kill() {
    let cgroup = Cgroup::new("unlimited");
    let watch = Watch::start("kprobe");
    let mut hog = Hog::start(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    assert_eq!(seen.only()["victim"]["pid"], pid);
    assert_eq!(seen.only()["scope"], "global");
}

/// A process may call itself anything.
fn names() {
    let names: [(&[u8], &str); 5] = [
        (b"a b\t\"c' \\", "a b\t\"c' \\"),
        (b"two\nlines", "two\nlines"),
        (b"\x1b[31mred", "\u{1b}[31mred"),
        (b"\xff\xc3\xa9\xf0", "\\xff\u{e9}\\xf0"),
        (b"x) total-vm:1kB", "x) total-vm:1kB"),
    ];
    let cgroup = Cgroup::limited("names", 8 << 20);
    let watch = Watch::start("kprobe");
    for (name, _) in names {
        let mut hog = Hog::start(&Spec { name: name.to_vec(), ..Spec::default() }, &cgroup);
        hog.grow();
        hog.killed();
    }
    let seen = watch.finish(names.len());
    seen.assert_context("kprobe");
    for (record, (_, json)) in seen.records.iter().zip(names) {
        assert_eq!(record["victim"]["comm"], json);
        assert_eq!(record["trigger"]["comm"], json);
    }
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
