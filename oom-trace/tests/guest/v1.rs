//! Shortages of a cgroup of version 1.

use std::path::Path;

use crate::cgroup::{Cgroup, V1};
use crate::hog::{Spec, named};
use crate::scenario::{Machine, Scenario};
use crate::watch::{kill_one, release};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("memcg_v1_kill", memcg_v1_kill).sharing().on(Machine::CgroupV1).unless(no_v1),
    Scenario::new("memcg_v1_limit_of_an_ancestor", limit_of_an_ancestor)
        .sharing()
        .on(Machine::CgroupV1)
        .unless(no_v1),
];

fn no_v1() -> Option<String> {
    let there = Path::new(V1).join("memory.limit_in_bytes").exists();
    (!there).then(|| "this kernel has no memory controller for cgroup v1 (CONFIG_MEMCG_V1)".into())
}

fn memcg_v1_kill() {
    let cgroup = Cgroup::limited("alone", 24 << 20);
    kill_below(&cgroup, &cgroup);
}

fn limit_of_an_ancestor() {
    let parent = Cgroup::limited("parent", 24 << 20);
    // Before 5.11 a limit holds for the cgroups below only if that is asked for.
    if release() < (5, 11) {
        parent.write("memory.use_hierarchy", 1);
    }
    let child = parent.child("child");
    kill_below(&parent, &child);
}

fn kill_below(limit: &Cgroup, cgroup: &Cgroup) {
    let spec = Spec { uid: 1000, gid: 100, oom_score_adj: 7, ..named("hog") };
    let seen = kill_one(&spec, cgroup);
    let record = seen.only();
    assert_eq!(record["victim"]["cgroup"]["path"], cgroup.path());
    assert_eq!(record["limit"]["cgroup"], limit.path());
    assert_eq!(record["limit"]["max_bytes"], 24 << 20);
    for key in ["kmem_usage_bytes", "kmem_failcnt"] {
        assert!(record["limit"][key].is_u64(), "{key}: {record:#}");
    }
    for key in ["swap_usage_bytes", "swap_max_bytes", "swap_failcnt"] {
        assert!(record["limit"][key].is_null(), "{key}: {record:#}");
    }
}
