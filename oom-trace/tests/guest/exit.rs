//! Whether a kill helped: when the memory is back, and who gave it.

use std::os::fd::OwnedFd;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

use crate::cgroup::Cgroup;
use crate::exiting::{await_exit, hold_when_killed, let_go};
use crate::hog::{Hog, Spec, named};
use crate::scenario::Scenario;
use crate::watch::{Watch, held_back};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("memory_is_back_when_a_watcher_says_so", agrees_with_a_watcher)
        .sharing()
        .on_each_kernel(),
    Scenario::new("memory_is_back_by_the_reaper", by_the_reaper).sharing().on_each_kernel(),
];

const MIB: usize = 1 << 20;
const KILLS: usize = 5;
/// A watcher is a process too, and has to be woken.
const APART_NS: u64 = 20_000_000;

/// The watcher sees the process end a moment after its memory is back.
fn agrees_with_a_watcher() {
    let cgroup = Cgroup::limited("watched", 32 << 20);
    let watch = Watch::shared(KILLS);
    let mut ends = Vec::new();
    for _ in 0..KILLS {
        let mut hog = Hog::start(&Spec { holds: 8 * MIB, ..named("hog") }, &cgroup);
        let pid = i32::try_from(hog.pid()).unwrap();
        let pidfd = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
        let watcher = thread::spawn(move || end_of(&pidfd));
        hog.grow();
        ends.push(watcher.join().unwrap());
        hog.killed();
    }
    let seen = watch.finish(KILLS);
    let mut apart = Vec::new();
    for (exit, end) in seen.exits.iter().zip(&ends) {
        assert_eq!(exit["by"], "exit", "{exit:#}");
        assert!(exit["left"].is_null(), "{exit:#}");
        apart.push(exit["boot_ns"].as_u64().unwrap().abs_diff(*end));
    }
    apart.sort_unstable();
    assert!(apart[KILLS / 2] <= APART_NS, "{apart:?}");
}

/// `CLOCK_BOOTTIME` when the process has ended, in nanoseconds.
fn end_of(pidfd: &OwnedFd) -> u64 {
    poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None).unwrap();
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}

/// Who cannot exit has his memory taken from him; the kernel logs what it left.
fn by_the_reaper() {
    let cgroup = Cgroup::limited("reaped", 48 << 20);
    let mut watch = Watch::shared(2);
    let big = Spec { holds: 24 * MIB, oom_score_adj: 500, ..named("big") };
    let big = Hog::start(&big, &cgroup);
    let pid = big.pid();
    let mut small = Hog::start(&Spec { oom_score_adj: -500, ..named("small") }, &cgroup);
    let held = hold_when_killed(&big);
    small.grow();
    await_exit(held);
    watch.await_exits(1);
    let_go(big, held);
    small.killed();
    let seen = watch.finish(2);
    let exit = &seen.exits[0];
    assert_eq!(exit["by"], "reaper", "{exit:#}");
    // The kernel gives it two seconds (`OOM_REAPER_DELAY`).
    assert!(exit["freed_after_ms"].as_u64().unwrap() >= 1900, "{exit:#}");
    for (key, logged) in seen.reaped(pid) {
        let left = exit["left"][key].as_u64().unwrap();
        assert!(left.abs_diff(logged) <= held_back(), "{key}: {logged}, {exit:#}");
    }
}
