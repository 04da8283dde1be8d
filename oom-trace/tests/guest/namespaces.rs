//! Victims in namespaces of their own.

use std::fs;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::cgroup::Cgroup;
use crate::hog::{HOG, Hog, Spec, named};
use crate::scenario::Scenario;
use crate::watch::Watch;

/// The commands of the processes around the hog: outside of its pid namespace, and the first in it.
pub(crate) const NEST: &str = "nest";
pub(crate) const INIT: &str = "init";

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("pid_and_user_namespace", pid_and_user_namespace).sharing().on_each_kernel()];

/// The kernel, and so the record, has the ids of the initial namespaces.
fn pid_and_user_namespace() {
    let cgroup = Cgroup::limited("nested", 24 << 20);
    let watch = Watch::shared(1);
    let spec = Spec { uid: 1000, gid: 100, ..named("nested") };
    let mut nest = Hog::start_as(NEST, &spec, &cgroup);
    let named = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap() == "nested\n";
    let pid = cgroup.processes().into_iter().find(named).unwrap();
    nest.grow();
    nest.ended();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let victim = &seen.only()["victim"];
    assert_eq!(victim["pid"], pid);
    assert_eq!(victim["ns_pid"], 2);
    assert_eq!((&victim["uid"], &victim["gid"]), (&1000.into(), &100.into()));
    assert_eq!(seen.only()["trigger"]["uid"], 1000);
}

/// Makes namespaces in which it is root, and starts the first process in them.
pub(crate) fn nest(spec: &[String]) {
    // What it starts is to be in the hog's cgroup.
    while fs::read_to_string("/proc/self/cgroup").unwrap().ends_with(":/\n") {
        std::thread::yield_now();
    }
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID).unwrap();
    let map = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text).unwrap();
    map("setgroups", "deny".to_owned());
    map("uid_map", format!("0 {uid} 1"));
    map("gid_map", format!("0 {gid} 1"));
    run(INIT, spec);
}

/// Is process 1, and starts the hog as process 2.
pub(crate) fn init(spec: &[String]) {
    assert_eq!(std::process::id(), 1);
    run(HOG, spec);
}

fn run(command: &str, spec: &[String]) {
    Command::new("/proc/self/exe").arg(command).args(spec).status().unwrap();
}
