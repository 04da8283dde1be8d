//! What the kernel is made to do, and what the agent must say of it.

use std::fs;

use serde_json::json;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec};
use crate::support::agent::oom_trace;
use crate::watch::{PAGE, Seen, Watch, release};

const MIB: usize = 1 << 20;

/// The storms come last: after one, the kernel says less for five seconds.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("memcg_kill", memcg_kill),
    ("memcg_kill_seen_by_fentry", memcg_kill_seen_by_fentry),
    ("memcg_kill_seen_by_the_tracepoint", memcg_kill_seen_by_the_tracepoint),
    ("victim_is_not_the_trigger", victim_is_not_the_trigger),
    ("leader_has_exited", leader_has_exited),
    ("group_kill", group_kill),
    ("global_kill", global_kill),
    ("names", names),
    ("trigger_leaves_nothing", trigger_leaves_nothing),
    ("storm", storm),
    ("storm_of_a_group", storm_of_a_group),
];

fn memcg_kill() {
    one_memcg_kill("kprobe", "kprobe");
}

fn memcg_kill_seen_by_fentry() {
    one_memcg_kill("fentry", "fentry");
}

/// One process with threads grows past its cgroup's limit.
fn one_memcg_kill(attach: &str, source: &str) {
    let cgroup = Cgroup::limited("alone", 24 << 20);
    let watch = Watch::start(attach);
    let spec = Spec { uid: 1000, gid: 100, threads: 3, oom_score_adj: 7, ..named("hog") };
    let mut hog = Hog::start(&spec, &cgroup);
    let pid = hog.pid();
    let status = |name| hog.words("status", name)[0];
    let (threads, parent) = (status("Threads:"), status("PPid:"));
    let (uid, gid) = (status("Uid:"), status("Gid:"));
    let start_ticks = hog.start_ticks();
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context(source);

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

    // The kernel shows the start rounded down to ticks, and we the age rounded down to 1 ms.
    let kill_ms = record["boot_ns"].as_u64().unwrap() / 1_000_000;
    let started_ms = kill_ms - victim["age_ms"].as_u64().unwrap();
    assert!((0..=11).contains(&(started_ms - start_ticks * 10)), "{started_ms}, {start_ticks}");
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
    for key in ["outcome", "message", "constraint", "totalpages", "chosen", "limit"] {
        assert!(record[key].is_null(), "{key}: {record:#}");
    }
    for key in ["gfp_mask", "gfp_flags", "order"] {
        assert!(record["trigger"][key].is_null(), "{key}: {record:#}");
    }
    assert!(record["victim"]["badness"].is_null(), "{record:#}");
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

/// The kernel kills the first victim of a group twice.
fn group_kill() {
    kill_group(5).assert_context("kprobe");
}

fn storm_of_a_group() {
    kill_group(50);
}

fn kill_group(members: usize) -> Seen {
    let cgroup = Cgroup::limited("group", 32 << 20);
    cgroup.write("memory.oom.group", 1);
    let watch = Watch::start("kprobe");
    let idle = Spec { holds: MIB / 4, ..named("member") };
    let mut hogs: Vec<_> = (0..members).map(|_| Hog::start(&idle, &cgroup)).collect();
    hogs[0].grow();
    let pids: Vec<_> = hogs.iter().map(Hog::pid).collect();
    hogs.into_iter().for_each(Hog::killed);
    let seen = watch.finish(members);

    assert_eq!(seen.kills, members as u64 + 1);
    let incident = &seen.records[0]["incident"];
    for (index, record) in seen.records.iter().enumerate() {
        assert_eq!(&record["incident"], incident);
        assert_eq!(record["victim_index"], index + 1);
        assert_eq!(record["victim_count"], members);
        assert_eq!(record["kill_count"], if index == 0 { 2 } else { 1 });
    }
    assert_eq!(victims(&seen.records), sorted(pids));
    seen
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

/// A hundred processes grow in one cgroup until the last of them is killed.
fn storm() {
    let cgroup = Cgroup::limited("storm", 64 << 20);
    let watch = Watch::start("kprobe");
    let mut hogs: Vec<_> = (0..100).map(|_| Hog::start(&named("hog"), &cgroup)).collect();
    hogs.iter_mut().for_each(Hog::grow);
    let pids: Vec<_> = hogs.iter().map(Hog::pid).collect();
    hogs.into_iter().for_each(Hog::killed);
    let seen = watch.finish(100);
    assert_eq!(victims(&seen.records), sorted(pids));
}

fn named(name: &str) -> Spec {
    Spec { name: name.into(), ..Spec::default() }
}

fn victims(records: &[serde_json::Value]) -> Vec<u64> {
    sorted(records.iter().map(|record| record["victim"]["pid"].as_u64().unwrap()))
}

fn sorted<N: Into<u64>>(pids: impl IntoIterator<Item = N>) -> Vec<u64> {
    let mut pids: Vec<u64> = pids.into_iter().map(Into::into).collect();
    pids.sort_unstable();
    pids
}
