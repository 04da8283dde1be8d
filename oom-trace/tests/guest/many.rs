//! Many victims at once: of a group, and in a storm.

use serde_json::Value;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::watch::{Seen, Watch};

/// The kernel kills the first victim of a group twice.
pub(crate) fn group_kill() {
    kill_group(5).assert_context("kprobe");
}

pub(crate) fn storm_of_a_group() {
    kill_group(50);
}

fn kill_group(members: usize) -> Seen {
    let cgroup = Cgroup::limited("group", 64 << 20);
    cgroup.write("memory.oom.group", 1);
    let watch = Watch::start("kprobe");
    let idle = Spec { holds: 64 << 10, ..named("member") };
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

/// A hundred processes grow in one cgroup until the last of them is killed.
pub(crate) fn storm() {
    let cgroup = Cgroup::limited("storm", 64 << 20);
    let watch = Watch::start("kprobe");
    let mut hogs: Vec<_> = (0..100).map(|_| Hog::start(&named("hog"), &cgroup)).collect();
    hogs.iter_mut().for_each(Hog::grow);
    let pids: Vec<_> = hogs.iter().map(Hog::pid).collect();
    hogs.into_iter().for_each(Hog::killed);
    let seen = watch.finish(100);
    assert_eq!(victims(&seen.records), sorted(pids));
}

fn victims(records: &[Value]) -> Vec<u64> {
    sorted(records.iter().map(|record| record["victim"]["pid"].as_u64().unwrap()))
}

fn sorted<N: Into<u64>>(pids: impl IntoIterator<Item = N>) -> Vec<u64> {
    let mut pids: Vec<u64> = pids.into_iter().map(Into::into).collect();
    pids.sort_unstable();
    pids
}
