//! Kills of everything in a cgroup (`memory.oom.group`).

use serde_json::json;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::scenario::Scenario;
use crate::watch::{Seen, Watch, victims};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("group_kill", group_kill).sharing().on_each_kernel().shown(),
    Scenario::new("group_of_an_ancestor", group_of_an_ancestor).sharing().on_each_kernel(),
    Scenario::new("group_with_a_member_that_is_spared", group_with_a_spared_member).sharing(),
];

fn group_kill() {
    kill_group(Watch::shared(1), 5).assert_context("kprobe");
}

/// One of this many members grows.
pub(crate) fn kill_group(watch: Watch, members: usize) -> Seen {
    let cgroup = Cgroup::limited("group", 64 << 20);
    cgroup.write("memory.oom.group", 1);
    let hogs = (0..members).map(|_| Hog::start(&member(), &cgroup)).collect();
    let seen = kill_all(watch, hogs);
    assert_eq!(seen.records[0]["victim"]["cgroup"]["path"], cgroup.path());
    seen
}

/// The group begins above the victim's cgroup, and below the limit.
fn group_of_an_ancestor() {
    let top = Cgroup::limited("top", 32 << 20);
    let family = top.child("family");
    family.write("memory.oom.group", 1);
    let (one, other) = (family.child("one"), family.child("other"));
    let stranger = top.child("stranger");
    let mut stranger = Hog::start(&member(), &stranger);
    let watch = Watch::shared(1);
    let hogs = [&one, &one, &other].map(|cgroup| Hog::start(&member(), cgroup));
    let seen = kill_all(watch, hogs.into());
    seen.assert_context("kprobe");
    assert!(stranger.is_running());
    stranger.kill();
    stranger.killed();
    let record = &seen.records[0];
    assert_eq!(record["group"], family.path());
    assert_eq!(record["limit"]["cgroup"], top.path());
    let cgroups = |path: &str| {
        let inside = |record: &&serde_json::Value| record["victim"]["cgroup"]["path"] == path;
        seen.records.iter().filter(inside).count()
    };
    assert_eq!((cgroups(&one.path()), cgroups(&other.path())), (2, 1));
}

fn group_with_a_spared_member() {
    let cgroup = Cgroup::limited("group", 32 << 20);
    cgroup.write("memory.oom.group", 1);
    let watch = Watch::shared(1);
    let mut spared = Hog::start(&Spec { oom_score_adj: -1000, ..member() }, &cgroup);
    let hogs = [(); 2].map(|()| Hog::start(&member(), &cgroup));
    let seen = kill_all(watch, hogs.into());
    seen.assert_context("kprobe");
    assert!(spared.is_running());
    spared.kill();
    spared.killed();
}

fn member() -> Spec {
    Spec { holds: 64 << 10, ..named("member") }
}

/// The first of them grows. The kernel kills the one that it chose twice: as itself, and as a member.
fn kill_all(watch: Watch, mut hogs: Vec<Hog>) -> Seen {
    let members = hogs.len();
    let pids: Vec<_> = hogs.iter().map(Hog::pid).collect();
    hogs[0].grow();
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
    assert_eq!(seen.records[0]["victim"]["pid"], json!(pids[0]));
    assert_eq!(victims(&seen.records), sorted(&pids));
    seen
}

pub(crate) fn sorted(pids: &[u32]) -> Vec<u64> {
    let mut pids: Vec<_> = pids.iter().copied().map(u64::from).collect();
    pids.sort_unstable();
    pids
}
