//! A kernel that lacks a member or a function: the record lacks its field and no other, and `check`
//! names it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::btf;
use crate::cgroup::Cgroup;
use crate::group::kill_group;
use crate::hog::{Hog, named};
use crate::scenario::Scenario;
use crate::support::agent::oom_trace;
use crate::watch::Watch;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("a_member_taken_away_takes_its_field_alone", without_a_member),
    Scenario::new("a_hook_taken_away_takes_its_field_alone", without_a_hook),
];

fn without_a_member() {
    assert_eq!(lost_without("nr_threads", "victim.threads", kill_one), ["/victim/threads"]);
}

/// The kernel says whose group it is to this function alone.
fn without_a_hook() {
    let kill = |watch| kill_group(watch, 2).records[0].clone();
    assert_eq!(lost_without("mem_cgroup_print_oom_group", "group", kill), ["/group"]);
}

/// Where the record of a kill is `null` without `name` in the BTF, and is not with it. `check` must
/// name `field`, and nothing else that it would not name anyway.
fn lost_without(name: &str, field: &str, kill: impl Fn(Watch) -> Value) -> Vec<String> {
    let btf = btf::without(name);
    let lacking = ["--btf", btf.path().to_str().unwrap()];
    let [before, after] = [&[][..], &lacking].map(missing);
    let new: Vec<_> = after.difference(&before).collect();
    let [(missing, reason)] = new.as_slice() else { panic!("{new:?}") };
    assert_eq!(missing, field);
    assert!(reason.contains(name), "{reason}");

    let [before, after] = [&[][..], &lacking].map(|args| {
        let mut command = oom_trace(&["--attach", "kprobe"]);
        command.args(args);
        nulls(&kill(Watch::of(command)), "")
    });
    after.difference(&before).cloned().collect()
}

/// What `check` says is missing, and why.
fn missing(args: &[&str]) -> BTreeSet<(String, String)> {
    let output = oom_trace(&["check", "--json"]).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let missing = findings["missing"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    missing.map(|missing| (text(&missing["name"]), text(&missing["reason"]))).collect()
}

/// The record of one kill.
fn kill_one(watch: Watch) -> Value {
    let cgroup = Cgroup::limited("lacking", 24 << 20);
    let mut hog = Hog::start(&named("hog"), &cgroup);
    hog.grow();
    hog.killed();
    watch.finish(1).only().clone()
}

/// Where a value is unknown.
fn nulls(value: &Value, at: &str) -> BTreeSet<String> {
    match value {
        Value::Null => BTreeSet::from([at.to_owned()]),
        Value::Object(keys) => {
            keys.iter().flat_map(|(key, value)| nulls(value, &format!("{at}/{key}"))).collect()
        }
        _ => BTreeSet::new(),
    }
}
