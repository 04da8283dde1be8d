//! Victims that are on their way out when the kernel comes for them.

use nix::libc::PTRACE_EVENT_EXIT;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::decision::assert_decided;
use crate::hog::{Hog, Spec, named};
use crate::scenario::{Machine, Scenario, sized};
use crate::tries::until_it_comes_about;
use crate::watch::{Seen, Watch, victims};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("leader_has_exited", leader_has_exited).sharing().on_each_kernel(),
    Scenario::new("chosen_is_exiting", chosen_is_exiting).sharing().on_each_kernel(),
    Scenario::new("trigger_is_exiting", trigger_is_exiting),
    Scenario::new("threads_die_once", threads_die_once).on(Machine::TwoCpus),
];

/// The kernel then marks, and logs, a thread that is not the process's first.
fn leader_has_exited() {
    let cgroup = Cgroup::limited("headless", 24 << 20);
    let watch = Watch::shared(1);
    let mut hog = Hog::start(&Spec { leader_exits: true, ..named("leader") }, &cgroup);
    let (pid, tid) = (hog.pid(), hog.other_thread());
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let victim = &seen.only()["victim"];
    assert_eq!((&victim["pid"], &victim["tid"]), (&json!(pid), &json!(tid)));
    assert_eq!(victim["comm"], "second");
    assert_eq!(seen.only()["chosen"]["tid"], pid);
}

/// Has the process killed by anyone, and keeps it at the door: it has its memory still.
fn hold_at_exit(hog: &Hog) -> Pid {
    let pid = hold_when_killed(hog);
    hog.kill();
    await_exit(pid);
    pid
}

/// Keeps the process at the door when somebody kills it.
pub(crate) fn hold_when_killed(hog: &Hog) -> Pid {
    let pid = Pid::from_raw(i32::try_from(hog.pid()).unwrap());
    ptrace::seize(pid, Options::PTRACE_O_TRACEEXIT).unwrap();
    pid
}

/// Waits until it is there.
pub(crate) fn await_exit(pid: Pid) {
    let at_the_door = WaitStatus::PtraceEvent(pid, Signal::SIGTRAP, PTRACE_EVENT_EXIT);
    assert_eq!(waitpid(pid, None).unwrap(), at_the_door);
}

pub(crate) fn let_go(hog: Hog, pid: Pid) {
    ptrace::detach(pid, None).unwrap();
    hog.killed();
}

/// The kernel marks it, so that it may go faster, and kills, counts and logs nothing.
fn assert_marked_only(record: &Value) {
    assert_eq!(record["outcome"], "already_exiting", "{record:#}");
    assert_eq!(record["kill_count"], 0, "{record:#}");
    assert_eq!(record["victim"]["memory_logged"], json!([]), "{record:#}");
}

/// The memory of a dying process is taken from it after two seconds; only then another is killed.
fn chosen_is_exiting() {
    let cgroup = Cgroup::limited("dying", 48 << 20);
    let watch = Watch::shared(2);
    let big = Spec { holds: 32 << 20, oom_score_adj: 500, ..named("big") };
    let big = Hog::start(&big, &cgroup);
    let mut small = Hog::start(&Spec { oom_score_adj: -500, ..named("small") }, &cgroup);
    let pids = [big.pid(), small.pid()];
    let held = hold_at_exit(&big);
    small.grow();
    small.killed();
    let_go(big, held);
    let seen = watch.finish(2);

    assert_eq!(seen.kills, 1);
    let [first, second] = seen.records.as_slice() else { panic!() };
    assert_marked_only(first);
    assert_eq!(
        [first, second].map(|record| record["victim"]["pid"].clone()),
        pids.map(Value::from)
    );
    assert_eq!(first["trigger"]["pid"], pids[1]);
    assert_eq!(first["chosen"]["tid"], pids[0]);
    assert_eq!(first["limit"]["cgroup"], cgroup.path());
    assert_eq!(second["outcome"], "killed");
    assert_decided(second, &seen.dumps()[0]);
}

/// A process that is killed while the kernel looks for memory for it may use the reserves. Where the
/// big one's memory is taken from it first, the kernel kills the small one: then they try again.
fn trigger_is_exiting() {
    let cgroup = Cgroup::new("unlimited");
    until_it_comes_about("killed while it asked for memory", || {
        let (pid, seen) = kill_who_asks(&cgroup);
        if seen.kills == 0 && victims(&seen.records).contains(&u64::from(pid)) {
            seen.records.iter().for_each(assert_marked_only);
            let record = seen.of(pid.into());
            assert_eq!(record["trigger"]["pid"], pid);
            assert!(record["chosen"].is_null(), "{record:#}");
            return Some(());
        }
        let told: u64 =
            seen.records.iter().map(|record| record["kill_count"].as_u64().unwrap()).sum();
        assert_eq!(told, seen.kills, "{:#?}", seen.records);
        None
    });
}

/// A thread of a victim that is still at its own search for memory marks itself when it comes to the killer:
/// in a cgroup from 6.16 on (`mem_cgroup_out_of_memory`, mm/memcontrol.c), for the machine's memory on all.
fn threads_die_once() {
    let cgroup = Cgroup::limited("busy", 24 << 20);
    let watch = Watch::start("kprobe");
    let rounds = sized(8, 4);
    for _ in 0..rounds {
        let mut hog = Hog::start(&Spec { growing: 12, ..named("hog") }, &cgroup);
        hog.grow();
        hog.killed();
    }
    let seen = watch.stop(0);
    assert_eq!(seen.kills, rounds as u64);
    let outcomes: Vec<_> = seen.records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, vec!["killed"; rounds], "{:#?}", seen.records);
    assert!(seen.event("degraded").is_none(), "{:#?}", seen.agent);
}

/// The process that was killed while it waited for the memory of a bigger one, and what was seen.
fn kill_who_asks(cgroup: &Cgroup) -> (u32, Seen) {
    let watch = Watch::start("kprobe");
    let big = Spec { holds: 128 << 20, oom_score_adj: 1000, ..named("big") };
    let big = Hog::start(&big, cgroup);
    let mut small = Hog::start(&Spec { oom_score_adj: -500, ..named("small") }, cgroup);
    let pid = small.pid();
    let held = hold_at_exit(&big);
    let asking = small.asking();
    small.grow();
    // From then on it waits for the memory of the big one. The agent's record does not tell: whoever
    // writes more than a page to a pipe waits for memory as well.
    asking.wait();
    small.kill();
    small.killed();
    let_go(big, held);
    (pid, watch.stop(0))
}
