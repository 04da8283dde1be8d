//! Kills whose reason is not the victim's size: the record says what it is.

use serde_json::Value;

use crate::cgroup::Cgroup;
use crate::hog::{Growth, Hog, Spec, named};
use crate::scenario::Scenario;
use crate::sysctl::Setting;
use crate::watch::{Watch, kill_one};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("adj_shields_the_hog", adj_shields_the_hog).sharing().shown(),
    Scenario::new("shared_memory_fills_the_cgroup", shared_memory).sharing().shown(),
    Scenario::new("page_tables_fill_the_cgroup", page_tables).sharing().on_each_kernel().shown(),
    Scenario::new("overcommit_without_limit", overcommit).sharing().shown(),
];

const MIB: usize = 1 << 20;

/// Whether one of the record's hints says this.
pub(crate) fn assert_hint(record: &Value, word: &str) {
    let hints = record["why"]["hints"].as_array().unwrap();
    let says = |hint: &&Value| hint.as_str().unwrap().contains(word);
    assert!(hints.iter().find(says).is_some(), "no {word:?}: {record:#}");
}

fn adj_shields_the_hog() {
    let cgroup = Cgroup::limited("shielded", 48 << 20);
    let watch = Watch::shared(1);
    let big = Hog::start(&Spec { holds: 32 * MIB, oom_score_adj: -999, ..named("big") }, &cgroup);
    let mut small = Hog::start(&named("small"), &cgroup);
    let pids = [big.pid(), small.pid()];
    small.grow();
    small.killed();
    big.kill();
    big.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let record = seen.only();
    assert_eq!(record["victim"]["pid"], pids[1]);
    assert_eq!(record["candidates"]["largest"]["pid"], pids[0]);
    assert_eq!(record["candidates"]["decided_by_adj"], true);
    assert_hint(record, "oom_score_adj");
}

/// What is in a file system in memory is nobody's, and dies with nobody.
fn shared_memory() {
    let record = one_kill("tmpfs", 32 << 20, Growth::File("/tmp".into()));
    assert_hint(&record, "tmpfs");
}

fn page_tables() {
    let record = one_kill("tables", 40 << 20, Growth::Tables);
    let tables = record["victim"]["memory"]["pgtables_bytes"].as_u64().unwrap();
    assert!(tables >= 16 << 20, "{record:#}");
    assert_hint(&record, "page tables");
}

fn one_kill(name: &str, limit: u64, growth: Growth) -> Value {
    let cgroup = Cgroup::limited(name, limit);
    kill_one(&Spec { growth, ..named("hog") }, &cgroup).only().clone()
}

fn overcommit() {
    let cgroup = Cgroup::new("unlimited");
    let _no_limit = Setting::change("/proc/sys/vm/overcommit_memory", "1");
    let seen = kill_one(&Spec { oom_score_adj: 1000, ..named("hog") }, &cgroup);
    assert_eq!(seen.only()["system"]["overcommit_memory"], 1);
    assert_hint(seen.only(), "overcommit");
}
