//! Shortages of the whole machine, and a kill by hand.

use std::fs;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::scenario::Scenario;
use crate::sysctl::Setting;
use crate::watch::{Watch, kill_one};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("sysrq_kill", sysrq_kill).sharing().on_each_kernel().shown(),
    Scenario::new("global_kill", global_kill).sharing().on_each_kernel().shown(),
    Scenario::new("oom_kill_allocating_task", oom_kill_allocating_task).sharing().shown(),
];

/// The machine's own memory runs out. Beside the hog an idle process is weighed, by what the kernel
/// says of it all the time.
fn global_kill() {
    let cgroup = Cgroup::new("unlimited");
    let idle = Hog::start(&Spec { holds: 8 << 20, oom_score_adj: 100, ..named("idle") }, &cgroup);
    let score: i64 = idle.proc_text("oom_score").parse().unwrap();
    let seen = kill_one(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    let candidates = &seen.only()["candidates"]["top"];
    let weighed = candidates.as_array().unwrap().iter().find(|it| it["pid"] == idle.pid()).unwrap();
    let totalpages = seen.only()["totalpages"].as_i64().unwrap();
    // `proc_oom_score`, fs/proc/base.c
    let badness = weighed["badness"].as_i64().unwrap();
    assert_eq!((1000 + badness * 1000 / totalpages) * 2 / 3, score, "{:#}", seen.only());
    idle.kill();
    idle.killed();
    assert_eq!(seen.only()["scope"], "global");
}

/// The kernel is told not to choose.
fn oom_kill_allocating_task() {
    let cgroup = Cgroup::new("unlimited");
    let _no_choice = Setting::change("/proc/sys/vm/oom_kill_allocating_task", "1");
    let seen = kill_one(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    let record = seen.only();
    assert_eq!(record["trigger"]["pid"], record["victim"]["pid"]);
    assert_eq!(record["message"], "Out of memory (oom_kill_allocating_task)");
    assert_eq!(record["victim"]["badness"], 0);
}

/// Nobody is short of memory: somebody pressed a key.
fn sysrq_kill() {
    let cgroup = Cgroup::new("unlimited");
    let watch = Watch::shared(1);
    let hog = Hog::start(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    let pid = hog.pid();
    fs::write("/proc/sysrq-trigger", "f").unwrap();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let record = seen.only();
    assert_eq!(record["victim"]["pid"], pid);
    assert_eq!(record["scope"], "sysrq");
    assert_eq!(record["trigger"]["order"], -1);
    assert!(record["trigger"]["comm"].as_str().unwrap().starts_with("kworker/"), "{record:#}");
}
