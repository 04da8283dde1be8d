//! The agent's own cgroup is short, of memory or of time.

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};

use super::account::Account;
use super::oracle::Oracle;
use super::post::{AT_ONCE, Post};
use super::told::{Follower, Told};
use super::victim::{Crowd, Victim, storm};
use super::{MIB, Nested, SMALL};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_own_cgroup_fills", own_cgroup_fills).on(Machine::Fire),
    Scenario::new("fire_large_group_in_64_mib", || large_group(64)).on(Machine::Fire),
    Scenario::new("fire_large_group_in_128_mib", || large_group(128)).on(Machine::Fire),
    Scenario::new("fire_long_paths_are_no_leak", long_paths).on(Machine::Fire),
    Scenario::new("fire_start_in_a_small_cgroup", start_in_a_small_cgroup).on_each_kernel(),
    // Emulated, with others beside it, it may take longer than it is given.
    Scenario::new("fire_sigterm_at_one_percent", at_one_percent).on(Machine::Fire),
    Scenario::new("fire_sigterm_above_memory_high", above_memory_high),
];

/// How long the kernel holds a process back that is above `memory.high`, each time it returns to user
/// space (`MEMCG_MAX_HIGH_DELAY_JIFFIES`, mm/memcontrol.c); and the agent ends several threads.
const HELD_BACK: Duration = Duration::from_secs(10);

/// By how much what a storm leaves may exceed what the agent began with.
const GROWTH: u64 = 32 * MIB;

/// Lines that say so there may be before the agent makes do with less.
const NOBODY: u64 = 100;

/// Hundreds of kills elsewhere while it can have no more than one MiB.
fn own_cgroup_fills() {
    const KILLS: usize = 400;
    let cgroup = Cgroup::limited("storm", SMALL);
    let oracle = Oracle::ask();
    let mut post = Post::new().within(Cgroup::new("agent")).start();
    let limit = post.cgroup().usage() + MIB;
    post.cgroup().limit(limit);
    let told = with_its_output_taken(&mut post, |post| {
        storm(&[Victim::growing("hog", &cgroup)], KILLS);
        let count = usize::try_from(oracle.count()).unwrap();
        end(post, count);
    });
    let log = oracle.log();
    Account::of(&log.kills, &told).assert_counted(told.gaps());
    assert!(log.nobody <= NOBODY, "{} times nobody to kill", log.nobody);
}

/// What was told while this ran. The agent's output is in memory here, and charged to it: a disk would take
/// it away.
fn with_its_output_taken(post: &mut Post, run: impl FnOnce(&mut Post)) -> Told {
    let (mut output, enough) = (Follower::of(&post.output()), AtomicBool::new(false));
    thread::scope(|scope| {
        let enough = &enough;
        let reader = scope.spawn(move || {
            while !enough.load(Ordering::Relaxed) {
                output.read();
                output.forget();
                thread::sleep(Duration::from_millis(50));
            }
            output.read();
            output.into_told()
        });
        let ran = catch_unwind(AssertUnwindSafe(|| run(post)));
        enough.store(true, Ordering::Relaxed);
        let told = reader.join().unwrap();
        if let Err(panic) = ran {
            resume_unwind(panic);
        }
        told
    })
}

/// The agent's output lies in memory here: what is there before it writes is not charged to it, as what lies on
/// a disk is not.
fn make_room(post: &Post, bytes: u64) {
    let output = File::options().write(true).create(true).truncate(false).open(post.output());
    fallocate(output.unwrap(), FallocateFlags::KEEP_SIZE, 0, bytes).unwrap();
}

/// Alive, it answers. What is asked of the agent comes before what is asked of the log, which it may have
/// flooded.
fn end(post: &mut Post, kills: usize) {
    assert!(post.is_alive(), "the agent was killed: {:#?}", post.said());
    post.signal(rustix::process::Signal::TERM);
    let ended = post.ended(AT_ONCE);
    let status = ended.unwrap_or_else(|| panic!("{kills} kills, and no answer to SIGTERM"));
    assert!(status.success(), "{status}: {:#?}", post.said());
}

/// More processes than anyone would kill at once, each with the longest path there is.
fn large_group(mib: u64) {
    const MEMBERS: usize = 1400;
    // A record with such paths has some 80 KB.
    const OUTPUT: u64 = 160 * MIB;
    let deep = Nested::deep("large", 1024 * MIB);
    deep.outermost().write("memory.oom.group", 1);
    let crowd = Crowd::start(&Victim::waiting("member", deep.innermost()), MEMBERS);
    let oracle = Oracle::ask();
    let mut post = Post::new().within(Cgroup::new("agent"));
    make_room(&post, OUTPUT);
    post = post.start();
    post.cgroup().limit(mib * MIB);
    let limit = deep.outermost().usage() + MIB;
    deep.outermost().limit(limit);
    Victim::growing("grower", deep.innermost()).dies();
    crowd.killed();
    post.await_kills(MEMBERS + 1);
    end(&mut post, MEMBERS + 1);
    let (log, told) = (oracle.log(), post.told());
    Account::of(&log.kills, &told).assert_counted(told.gaps());
    assert!(log.nobody <= NOBODY, "{} times nobody to kill", log.nobody);
    assert_eq!(told.kills.len(), MEMBERS + 1);
    // The log's lines name no incident: those of which the ring had no room for a mark stand alone.
    let by_hooks = told.kills.iter().filter(|kill| kill["source"] != "kernel_log");
    let incidents: BTreeSet<_> = by_hooks.map(|kill| kill["incident"].as_str()).collect();
    assert_eq!(incidents.len(), 1);
}

/// Many small kills with long paths, one after the other.
fn long_paths() {
    const KILLS: usize = 2000;
    let deep = Nested::deep("long", SMALL);
    let oracle = Oracle::ask();
    let mut post = Post::new().start();
    let before = post.rss();
    storm(&[Victim::growing("hog", deep.innermost())], KILLS);
    let log = oracle.log();
    post.await_kills(log.kills.len());
    let after = post.rss();
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_counted(told.gaps());
    let [mib_before, mib_after] = [before, after].map(|bytes| bytes / MIB);
    assert!(after <= before + GROWTH, "{mib_before} MiB before, {mib_after} MiB after");
}

/// It works, or says what it lacks; and nobody kills it without a word.
fn start_in_a_small_cgroup() {
    let storm = Cgroup::limited("storm", SMALL);
    let mut post = Post::new().within(Cgroup::new("agent"));
    for mib in [24, 20, 16, 12] {
        post.cgroup().limit(mib * MIB);
        let before = post.told().kills.len();
        post.spawn();
        if post.says("attached", PATIENCE / 2) {
            Victim::growing("hog", &storm).dies();
            let told = post.await_kills(before + 1);
            assert_eq!(told.kills.len(), before + 1, "with {mib} MiB: {:#?}", post.said());
            post.stop();
            continue;
        }
        let status = post.ended(AT_ONCE);
        let status = status.unwrap_or_else(|| panic!("with {mib} MiB it neither starts nor ends"));
        let said = post.said();
        assert_eq!(status.code(), Some(1), "with {mib} MiB: {status}: {said:#?}");
        assert!(said.iter().any(|line| line.contains("memory")), "with {mib} MiB: {said:#?}");
    }
}

/// A hundredth of a processor, and it has but said that it is there: no part of a start may stand before
/// its end. What the kernel itself takes to end a process there, SIGKILL shows: its hooks are closed with it.
fn at_one_percent() {
    Cgroup::at_the_top("cpu");
    let mut post = Post::new().within(Cgroup::new("agent"));
    let slow = |post: &mut Post| {
        post.cgroup().write("cpu.max", "max 100000");
        post.start_again();
        // Emulated, a processor does less than a tenth of what it is: of a tenth, less than a hundredth
        // is left.
        post.cgroup().write("cpu.max", "10000 100000");
    };
    slow(&mut post);
    let before = post.cgroup().cpu_time();
    post.kill();
    // Since 6.18 what it takes within the kernel holds a process back only when it returns to user space
    // (`throttle_cfs_rq_work`, kernel/sched/fair.c), which a killed one never does.
    let floor = 10 * (post.cgroup().cpu_time() - before);
    slow(&mut post);
    post.stop_within(floor + AT_ONCE);
}

/// What it has is more than it should have, so the kernel slows it down.
fn above_memory_high() {
    let cgroup = Cgroup::limited("storm", SMALL);
    let mut post = Post::new().with_store().within(Cgroup::new("agent")).start();
    let high = post.cgroup().usage() / 2;
    post.cgroup().write("memory.high", high);
    for _ in 0..10 {
        Victim::growing("hog", &cgroup).dies();
    }
    assert_eq!(post.await_kills(10).kills.len(), 10);
    post.stop_within(AT_ONCE + HELD_BACK);
}
