//! What a victim was: its program, its arguments, and the processes above it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::scenario::Scenario;
use crate::support::agent::oom_trace;
use crate::watch::Watch;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("identity_of_the_trigger", || identity(Watch::shared(1), true)).sharing().shown(),
    Scenario::new("identity_of_another_process", || identity(Watch::shared(2), false))
        .sharing()
        .on_each_kernel(),
    Scenario::new("identity_seen_by_fentry", || identity(Watch::start("fentry"), false))
        .on_each_kernel(),
    Scenario::new("arguments_left_out", arguments_left_out).shown(),
];

const MIB: usize = 1 << 20;

/// What `/proc` says of a process that lives.
struct Own {
    exe: String,
    argv: Vec<String>,
    parents: Vec<Value>,
}

impl Own {
    fn of(hog: &Hog) -> Self {
        let exe = fs::read_link(format!("/proc/{}/exe", hog.pid())).unwrap();
        let argv = fs::read(format!("/proc/{}/cmdline", hog.pid())).unwrap();
        let argv = argv.strip_suffix(b"\0").unwrap().split(|&byte| byte == 0);
        Self {
            exe: String::from_utf8_lossy(exe.as_os_str().as_bytes()).into_owned(),
            argv: argv.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect(),
            parents: parents(hog.pid()),
        }
    }
}

/// From its parent up to process 1.
fn parents(pid: u32) -> Vec<Value> {
    let mut parents = Vec::new();
    let mut pid = pid;
    while pid != 1 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap();
        pid = parent.parse().unwrap();
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
        parents.push(json!({ "pid": pid, "comm": comm.trim_end() }));
    }
    parents
}

/// A big idle process dies, or the one that grows.
fn kill(watch: Watch, itself: bool) -> (Value, Own) {
    let cgroup = Cgroup::limited("identity", 48 << 20);
    let big = Spec { holds: 32 * MIB, oom_score_adj: 500, ..named("big") };
    let mut big = Hog::start(&big, &cgroup);
    let mut small = Hog::start(&Spec { oom_score_adj: -500, ..named("small") }, &cgroup);
    let own = Own::of(&big);
    if itself {
        big.grow();
        big.killed();
        small.kill();
        small.killed();
        return (watch.finish(1).only().clone(), own);
    }
    small.grow();
    big.killed();
    small.killed();
    (watch.finish(2).records[0].clone(), own)
}

fn identity(watch: Watch, itself: bool) {
    let (record, own) = kill(watch, itself);
    let victim = &record["victim"];
    assert_eq!(victim["exe"], own.exe, "{record:#}");
    assert_eq!(victim["argv"], json!(own.argv), "{record:#}");
    assert_eq!(victim["argv_cut"], false);
    assert_eq!(victim["parents"], json!(own.parents), "{record:#}");
    assert!(victim["login_uid"].is_null(), "{record:#}");
    assert_eq!(victim["user"], user(0), "{record:#}");
}

/// The guest's root has a name only if its image has.
fn user(uid: u32) -> Value {
    let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = |line: &&str| line.split(':').nth(2) == Some(&uid.to_string());
    json!(names.lines().find(own).and_then(|line| line.split(':').next()))
}

fn arguments_left_out() {
    let watch = |args: &[&str]| Watch::of(oom_trace(args));
    let (record, own) = kill(watch(&["--attach", "kprobe", "--no-cmdline"]), false);
    assert!(record["victim"]["argv"].is_null(), "{record:#}");
    assert_eq!(record["victim"]["exe"], own.exe);

    let (record, own) = kill(watch(&["--attach", "kprobe", "--redact", "big|name"]), false);
    let argv = record["victim"]["argv"].as_array().unwrap();
    assert_eq!(argv.len(), own.argv.len());
    assert!(argv.iter().any(|it| it.as_str().unwrap().contains("[redacted]")), "{record:#}");
}
