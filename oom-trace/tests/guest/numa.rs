//! Shortages of some of the machine's memory nodes.

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::cgroup::Cgroup;
use crate::hog::{Growth, Spec, named};
use crate::scenario::{Machine, Scenario};
use crate::watch::kill_one;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("cpuset_kill", cpuset_kill).sharing().shown().on(Machine::Numa),
    Scenario::new("mempolicy_kill", mempolicy_kill).sharing().shown().on(Machine::Numa),
];

/// What the processes of a cpuset may not use does not help them.
fn cpuset_kill() {
    std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset").unwrap();
    let cgroup = Cgroup::new("bound");
    cgroup.write("cpuset.mems", 1);
    let record = kill(&cgroup, Growth::Heap);
    assert_eq!(record["scope"], "cpuset");
    assert_eq!(record["constraint"], "CONSTRAINT_CPUSET");
    assert_eq!(record["trigger"]["cpuset"], "bound");
    assert_eq!(record["trigger"]["mems_allowed"], "1");
    assert!(record["nodemask"].is_null(), "{record:#}");
}

/// A file system whose pages must come from one node.
fn mempolicy_kill() {
    let folder = tempfile::tempdir().unwrap();
    mount("tmpfs", folder.path(), "tmpfs", MountFlags::empty(), c"size=100%,mpol=bind:1").unwrap();
    let cgroup = Cgroup::new("bound");
    let record = kill(&cgroup, Growth::File(folder.path().to_owned()));
    unmount(folder.path(), UnmountFlags::empty()).unwrap();
    assert_eq!(record["scope"], "mempolicy");
    assert_eq!(record["constraint"], "CONSTRAINT_MEMORY_POLICY");
    assert_eq!(record["nodemask"], "1");
}

fn kill(cgroup: &Cgroup, growth: Growth) -> serde_json::Value {
    let spec = Spec { oom_score_adj: 1000, growth, ..named("hog") };
    let record = kill_one(&spec, cgroup).only().clone();
    assert!(record["limit"].is_null(), "{record:#}");
    record
}
