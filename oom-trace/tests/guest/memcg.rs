//! Shortages of a cgroup.

use std::fs;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::hog::{Growth, Hog, Spec, named};
use crate::scenario::{Machine, Scenario};
use crate::watch::{PAGE, Watch, kill_one, release};

const MIB: usize = 1 << 20;

/// What `/proc` counts time in (`USER_HZ`).
const TICK_NS: u64 = 10_000_000;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("memcg_kill", || one_memcg_kill("kprobe", 3)).on_each_kernel(),
    Scenario::new("memcg_kill_seen_by_fentry", || one_memcg_kill("fentry", 3)).on_each_kernel(),
    // A thread that dies on another processor adds what it has counted for itself (before 6.2), and the kernel
    // may print that or not.
    Scenario::new("memcg_kill_with_many_cpus", || one_memcg_kill("kprobe", 0))
        .on(Machine::ManyCpus),
    Scenario::new("limit_of_an_ancestor", limit_of_an_ancestor).sharing().shown(),
    Scenario::new("limit_two_levels_up_that_siblings_fill", limit_two_levels_up)
        .sharing()
        .on_each_kernel()
        .shown(),
    Scenario::new("victim_is_not_the_trigger", victim_is_not_the_trigger)
        .sharing()
        .on_each_kernel()
        .shown(),
    Scenario::new("oom_score_adj_from_end_to_end", oom_score_adj).sharing().on_each_kernel(),
    Scenario::new("order_above_zero", order_above_zero).sharing().on_each_kernel().shown(),
    Scenario::new("limit_of_a_job", limit_of_a_job).sharing(),
    Scenario::new("cgroup_removed_at_once", cgroup_removed_at_once).sharing().on_each_kernel(),
];

/// A task of a job of Slurm's, in folders as `slurmstepd` makes them, and the job's limit.
fn limit_of_a_job() {
    let slice = Cgroup::new("system.slice");
    let scope = slice.child("slurmstepd.scope");
    let job = scope.child("job_4711");
    job.limit(24 << 20);
    let step = job.child("step_0");
    let user = step.child("user");
    let task = user.child("task_2");
    let seen = kill_one(&named("hog"), &task);
    let record = seen.only();
    let expected = json!({
        "system": "slurm", "id": "4711", "step": "0", "task": "2", "project": null, "runner": null,
    });
    assert_eq!(record["victim"]["job"], expected);
    assert_eq!(record["victim"]["unit"], "slurmstepd.scope");
    assert_eq!(record["limit"]["cgroup"], job.path());
    let why = &record["why"];
    assert!(why["summary"].as_str().unwrap().starts_with("Slurm job 4711 hit"), "{why:#}");
    assert!(why.to_string().contains("raise --mem of Slurm job 4711 (sbatch, srun)"), "{why:#}");
}

/// One process with threads grows past its cgroup's limit.
fn one_memcg_kill(hooks: &str, threads: usize) {
    let cgroup = Cgroup::limited("alone", 24 << 20);
    let watch = Watch::start(hooks);
    let spec = Spec { uid: 1000, gid: 100, threads, oom_score_adj: 7, ..named("hog") };
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

fn limit_of_an_ancestor() {
    let parent = Cgroup::limited("parent", 24 << 20);
    let child = parent.child("child");
    child.limit(512 << 20);
    one_kill_below(&parent, &child);
}

/// The victim's neighbours hold most of what is allowed, and it has the most of what is left.
fn limit_two_levels_up() {
    let top = Cgroup::limited("top", 64 << 20);
    let middle = top.child("middle");
    let leaf = middle.child("leaf");
    let beside = [middle.child("beside"), top.child("beside")];
    let neighbours = Spec { holds: 16 * MIB, oom_score_adj: -1000, ..named("neighbour") };
    let mut neighbours = beside.each_ref().map(|cgroup| Hog::start(&neighbours, cgroup));
    one_kill_below(&top, &leaf);
    assert!(neighbours.iter_mut().all(Hog::is_running));
    for neighbour in neighbours {
        neighbour.kill();
        neighbour.killed();
    }
}

fn one_kill_below(limit: &Cgroup, cgroup: &Cgroup) {
    let seen = kill_one(&named("hog"), cgroup);
    let record = seen.only();
    assert_eq!(record["victim"]["cgroup"]["path"], cgroup.path());
    assert_eq!(record["limit"]["cgroup"], limit.path());
}

/// A small process hits the limit, and a big idle one dies of it.
fn victim_is_not_the_trigger() {
    let cgroup = Cgroup::limited("shared", 48 << 20);
    let watch = Watch::shared(2);
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
    // thread keeps some to itself (`TASK_RSS_EVENTS_THRESH`), beside the few that it touches while it is asked.
    let kept = if release() < (6, 2) { (64 + 8) * PAGE } else { 0 };
    let memory = |key| record["victim"]["memory"][key].as_u64().unwrap();
    let file = memory("file_rss_bytes") + memory("shmem_rss_bytes");
    assert!(memory("anon_rss_bytes").abs_diff(anonymous) <= kept, "{anonymous}: {record:#}");
    assert!(file.abs_diff(resident - anonymous) <= kept, "{resident}: {record:#}");
}

/// The kernel takes them in this order, and spares the last, which makes it do so.
fn oom_score_adj() {
    let cgroup = Cgroup::limited("weighed", 64 << 20);
    let watch = Watch::shared(5);
    let adjustments = [1000, 500, 0, -500, -999];
    let idle = |oom_score_adj| Spec { holds: 4 * MIB, oom_score_adj, ..named("idle") };
    let idle = adjustments.map(|adjustment| Hog::start(&idle(adjustment), &cgroup));
    let mut spared = Hog::start(&spared(), &cgroup);
    let pids = idle.each_ref().map(Hog::pid);
    spared.grow();
    idle.into_iter().for_each(Hog::killed);
    spared.ended();
    let seen = watch.finish(adjustments.len());
    seen.assert_decisions("kprobe");
    for ((record, adjustment), pid) in seen.records.iter().zip(adjustments).zip(pids) {
        assert_eq!(record["victim"]["pid"], pid);
        assert_eq!(record["victim"]["oom_score_adj"], adjustment);
        assert_eq!(record["trigger"]["oom_score_adj"], -1000);
    }
}

/// It fills a file: who cannot have a page for his own memory tries again without end.
pub(crate) fn spared() -> Spec {
    let growth = Growth::File("/tmp".into());
    Spec { oom_score_adj: -1000, growth, ..named("spared") }
}

/// A cgroup's memory is charged by the page, but for what the kernel keeps in blocks for it.
fn order_above_zero() {
    let cgroup = Cgroup::limited("blocks", 6 << 20);
    let seen = kill_one(&Spec { growth: Growth::Pipes, ..named("pipes") }, &cgroup);
    let order = seen.only()["trigger"]["order"].as_i64().unwrap();
    assert!(order > 0, "{:#}", seen.only());
}

/// What the record says of a cgroup is read before anyone can remove it.
fn cgroup_removed_at_once() {
    let parent = Cgroup::limited("short", 24 << 20);
    let cgroup = parent.child("lived");
    let (path, id) = (cgroup.path(), cgroup.id());
    let watch = Watch::shared(1);
    let mut hog = Hog::start(&named("hog"), &cgroup);
    let remover = std::thread::spawn(|| cgroup.remove_when_empty());
    hog.grow();
    hog.killed();
    remover.join().unwrap();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    assert_eq!(seen.only()["victim"]["cgroup"], json!({ "path": path, "id": id }));
}
