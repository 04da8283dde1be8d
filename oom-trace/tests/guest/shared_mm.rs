//! Processes that share the victim's memory, and die with it (`CLONE_VM` without `CLONE_THREAD`).

use std::fs;
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cgroup::Cgroup;
use crate::decision::assert_decided;
use crate::hog::{Hog, Spec, named, stat};
use crate::scenario::Scenario;
use crate::support::PATIENCE;
use crate::watch::Watch;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("vfork_children_die_with_the_victim", vfork_children)
        .sharing()
        .on_each_kernel()
        .shown(),
    Scenario::new("processes_that_share_memory", sharing_processes).sharing(),
];

/// A process with this many children that have not become programs of their own yet.
fn expecting(spec: Spec, unborn: usize, cgroup: &Cgroup) -> (Hog, Vec<u32>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let hog = Hog::start(&Spec { unborn, fifo, ..spec }, cgroup);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let children: Vec<_> =
            cgroup.processes().into_iter().filter(|pid| *pid != hog.pid()).collect();
        if children.len() == unborn && children.iter().all(|pid| stat(*pid).starts_with('S')) {
            return (hog, children, folder);
        }
        assert!(Instant::now() < deadline, "{children:?}");
        thread::yield_now();
    }
}

fn assert_shared(record: &Value, with: &[u32]) {
    let shared = record["victim"]["shares_mm"].as_array().unwrap();
    let mut pids: Vec<_> = shared.iter().map(|process| process["pid"].as_u64().unwrap()).collect();
    pids.sort_unstable();
    assert_eq!(pids, crate::group::sorted(with), "{record:#}");
    assert!(shared.iter().all(|process| process["comm"] == "spawner"), "{record:#}");
}

fn gone(pids: &[u32]) -> bool {
    pids.iter().all(|pid| fs::metadata(format!("/proc/{pid}")).is_err())
}

fn await_end(pids: &[u32]) {
    let deadline = Instant::now() + PATIENCE;
    while !gone(pids) {
        assert!(Instant::now() < deadline, "{pids:?} live on");
        thread::yield_now();
    }
}

/// The kernel passes over a child of vfork when it chooses, and not when it kills.
fn vfork_children() {
    let cgroup = Cgroup::limited("vfork", 24 << 20);
    let watch = Watch::shared(1);
    let (mut hog, children, _folder) = expecting(named("parent"), 2, &cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.killed();
    await_end(&children);
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    assert_eq!(seen.only()["victim"]["pid"], pid);
    assert_shared(seen.only(), &children);
}

/// Orphans of a process whose memory they go on sharing: each might be chosen.
fn sharing_processes() {
    let cgroup = Cgroup::limited("sharing", 48 << 20);
    let mut watch = Watch::shared(3);
    let parent = Spec { holds: 32 << 20, ..named("parent") };
    let (parent, children, _folder) = expecting(parent, 3, &cgroup);
    parent.kill();
    parent.killed();
    let mut small = Hog::start(&Spec { oom_score_adj: -500, ..named("small") }, &cgroup);
    let trigger = small.pid();
    small.grow();
    await_end(&children);
    small.killed();
    // The kernel may look again before the others of the first are gone, and find one that is exiting.
    let told = watch.await_kills(2);
    assert!(told <= 3, "{told}");
    let seen = watch.finish(told);
    let record = &seen.records[0];
    // What they share goes while the kernel describes the second decision.
    assert_decided(record, &seen.dumps()[0]);
    assert_eq!(record["trigger"]["pid"], trigger);
    let (victim, others): (Vec<u32>, Vec<u32>) =
        children.iter().partition(|pid| record["victim"]["pid"] == json!(pid));
    assert_eq!((victim.len(), others.len()), (1, 2), "{record:#}");
    assert_shared(record, &others);
    let (last, between) = seen.records[1..].split_last().unwrap();
    assert_eq!(last["victim"]["pid"], trigger);
    assert_eq!(last["victim"]["shares_mm"], json!([]));
    for record in between {
        assert_eq!(record["outcome"], "already_exiting", "{record:#}");
        assert!(others.iter().any(|pid| record["victim"]["pid"] == json!(pid)), "{record:#}");
    }
}
