//! Many kills, faster than anyone reads.

use std::io::{self, Write as _};

use rustix::process::Signal;
use serde_json::Value;

use crate::cgroup::Cgroup;
use crate::decision::assert_chosen;
use crate::described::{assert_as_described, logged};
use crate::group::{kill_group, sorted};
use crate::hog::{Hog, named};
use crate::memcg::spared;
use crate::scenario::{Machine, Scenario, sized};
use crate::support::wait_for;
use crate::sysctl::Setting;
use crate::tries::until_it_comes_about;
use crate::watch::{Seen, Watch, release, victims};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("more_kills_than_the_log_describes", rate_limited),
    Scenario::new("storm", || storm("kprobe", sized(200, 60))).on_each_kernel(),
    Scenario::new("storm_of_a_group", storm_of_a_group),
    Scenario::new("storm_that_another_process_causes", storm_of_others),
    Scenario::new("storm_that_nobody_reads", storm_that_nobody_reads),
    Scenario::new("storm_on_two_cpus", storm_on_two_cpus).on(Machine::TwoCpus),
    Scenario::new("storm_seen_by_fentry", || storm("fentry", 200)).on(Machine::TwoCpus),
    Scenario::new("storm_seen_by_the_tracepoint", || storm("tracepoint", 200))
        .on(Machine::TwoCpus)
        .unless(crate::rungs::thread_id_only),
];

/// How many hogs there are at a time.
const BATCH: usize = 20;

/// What their cgroup may have, in bytes.
const LIMIT: u64 = 16 << 20;

/// What the dead may still hold of it when the next start: a batch that waits takes less than the rest.
const ROOM: u64 = LIMIT / 2;

/// The kernel describes ten decisions in five seconds, and we all. A machine that is busy with other
/// things may be too slow to get there: then it tries again.
fn rate_limited() {
    until_it_comes_about("more kills than the log describes", || {
        let seen = grow_all("kprobe", 30);
        let dumps = seen.dumps();
        for dump in &dumps {
            assert_chosen(seen.of(dump.summary.pid), dump);
        }
        let of_the_log = logged();
        for record in &seen.records {
            // A kill has the dump that is its own, or none.
            let is_described = dumps.iter().any(|dump| record["victim"]["tid"] == dump.summary.pid);
            assert_eq!(record["limit"]["stat"].is_object(), is_described, "{record:#}");
            assert_as_described(record, of_the_log.get(record["id"].as_str().unwrap()).unwrap());
            for key in ["/trigger/gfp_flags", "/stack", "/limit/failcnt", "/chosen/tid", "/taint"] {
                let value = record.pointer(key);
                assert!(value.is_some_and(|value| !value.is_null()), "{key}: {record:#}");
            }
        }
        (dumps.len() < seen.records.len()).then_some(())
    });
}

fn storm(attach: &str, kills: usize) {
    let seen = grow_all(attach, kills);
    assert!(seen.records.iter().all(|record| record["source"] == attach));
}

fn storm_on_two_cpus() {
    storm("kprobe", if release() == (6, 12) { 1000 } else { 200 });
}

/// Processes grow in one cgroup until the last of them is killed, some at a time.
fn grow_all(attach: &str, kills: usize) -> Seen {
    let cgroup = Cgroup::limited("storm", LIMIT);
    let watch = Watch::start(attach);
    let mut pids = Vec::new();
    while pids.len() < kills {
        let count = BATCH.min(kills - pids.len());
        let mut hogs: Vec<_> = (0..count).map(|_| Hog::start(&named("hog"), &cgroup)).collect();
        hogs.iter_mut().for_each(Hog::grow_if_alive);
        pids.extend(hogs.iter().map(Hog::pid));
        hogs.into_iter().for_each(Hog::killed);
        // Who reads a file of a dead process's holds its memory: the next would be killed before they grow.
        wait_for("the dead hold what they had", || cgroup.usage() <= ROOM);
        // A guest that does not say a word is taken for dead.
        io::stderr().write_all(b".").unwrap();
    }
    let seen = watch.finish(kills);
    assert_eq!(victims(&seen.records), sorted(&pids));
    seen
}

fn storm_of_a_group() {
    kill_group(Watch::start("kprobe"), sized(50, 20));
}

/// Victims in a round of a storm that only wait.
const IDLE: usize = 100;

/// A process that may not die fills a file, and the others of its container die for it: none of them
/// is there to be asked what it was.
fn storm_of_others() {
    let id = "0123456789abcdef".repeat(4);
    let slice = Cgroup::new("system.slice");
    let cgroup = slice.child(&format!("docker-{id}.scope"));
    // Those that wait take some 100 MiB, page tables among it, and must not be too many by themselves.
    cgroup.limit(160 << 20);
    let watch = Watch::start("kprobe");
    let rounds = sized(5, 2);
    let triggers: Vec<_> = (0..rounds).map(|_| round_of_others(&cgroup)).collect();
    let kills = rounds * IDLE;
    let seen = watch.finish(kills);
    let mut with_arguments = 0;
    for (index, record) in seen.records.iter().enumerate() {
        let victim = &record["victim"];
        assert_eq!(record["trigger"]["pid"], u64::from(triggers[index / IDLE]), "{record:#}");
        assert_ne!(victim["pid"], record["trigger"]["pid"]);
        assert_eq!(victim["container"]["id"], id, "{record:#}");
        assert_eq!(victim["container"]["runtime"], "docker");
        // Those that still live, and the one that may not die.
        let weighed = IDLE - index % IDLE + 1;
        assert_eq!(record["candidates"]["total"], weighed, "{record:#}");
        with_arguments += usize::from(victim["argv"][1] == "hog");
    }
    assert!(with_arguments * 100 >= kills * 99, "{with_arguments} of {kills}");
}

/// Answers who caused it.
fn round_of_others(cgroup: &Cgroup) -> u32 {
    let idle: Vec<_> = (0..IDLE).map(|_| Hog::start(&named("idle"), cgroup)).collect();
    let mut spared = Hog::start(&spared(), cgroup);
    let trigger = spared.pid();
    spared.grow();
    idle.into_iter().for_each(Hog::killed);
    spared.ended();
    io::stderr().write_all(b".").unwrap();
    trigger
}

/// The agent gets no turn for two rounds: what a kill can be told without makes room for kills.
fn storm_that_nobody_reads() {
    // Where kills come slowly, the kernel's limit of dumps lets the last have one, and its table.
    let _no_table = Setting::change("/proc/sys/vm/oom_dump_tasks", "0");
    let cgroup = Cgroup::limited("storm", 96 << 20);
    let watch = Watch::start("kprobe");
    watch.signal(Signal::STOP);
    round_of_others(&cgroup);
    round_of_others(&cgroup);
    watch.signal(Signal::CONT);
    let seen = watch.stop(2 * IDLE);
    assert_eq!((seen.kills, seen.records.len()), (2 * IDLE as u64, 2 * IDLE));
    let told = |record: &Value| !record["candidates"].is_null();
    assert!(told(&seen.records[0]) && !told(&seen.records[2 * IDLE - 1]), "{:#}", seen.totals());
    assert!(seen.totals()["ring_lost"].as_u64().unwrap() > 0, "{:#}", seen.totals());
}
