//! No descriptor and no thread more than the agent has.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit, setrlimit};

use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::Victim;
use super::{MIB, SMALL};
use crate::cgroup::Cgroup;
use crate::scenario::{Scenario, sized};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_out_of_descriptors", out_of_descriptors),
    Scenario::new("fire_started_with_few_descriptors", few_descriptors),
    Scenario::new("fire_out_of_threads", out_of_threads),
];

/// With fewer the agent attaches no hook.
const FEW: u64 = 24;

/// The command that may open no more than so many files, and becomes the program that follows.
pub(crate) const FRUGAL: &str = "frugal";

pub(crate) fn run_frugal(args: &[String]) {
    let limit = Some(args[0].parse().unwrap());
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    panic!("{}", Command::new(&args[1]).args(&args[2..]).exec());
}

/// A cgroup whose victims have a container's name looked for, which takes a thread and files.
fn container() -> (Cgroup, Cgroup) {
    let slice = Cgroup::new("machine.slice");
    let container = slice.child(&format!("libpod-{}.scope", "0123456789abcdef".repeat(4)));
    container.limit(SMALL);
    (slice, container)
}

fn descriptors(post: &Post) -> BTreeSet<u64> {
    let folder = format!("/proc/{}/fd", post.pid().as_raw_pid());
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_str().unwrap().parse().unwrap()).collect()
}

/// While it runs: each file that it would open is refused, also those that it is told to open anew.
fn out_of_descriptors() {
    const KILLS: usize = 5;
    let (_slice, container) = container();
    let cgroup = Cgroup::limited("frugal", SMALL);
    let oracle = Oracle::ask();
    let mut post = Post::new().with_store().start();
    let kill = || {
        for cgroup in [&cgroup, &container] {
            Victim::growing("hog", cgroup).die(KILLS);
        }
    };
    kill();
    post.await_kills(2 * KILLS);
    let open = descriptors(&post);
    // The first number that is free: none below it is.
    let limit = (0..).find(|number| !open.contains(number));
    let limited = Rlimit { current: limit, maximum: limit };
    let before = prlimit(Some(post.pid()), Resource::Nofile, limited).unwrap();
    kill();
    assert_eq!(post.await_kills(4 * KILLS).kills.len(), 4 * KILLS, "{:#?}", post.said());
    post.signal(Signal::HUP);
    kill();
    assert_eq!(post.await_kills(6 * KILLS).kills.len(), 6 * KILLS, "{:#?}", post.said());
    prlimit(Some(post.pid()), Resource::Nofile, before).unwrap();
    kill();
    let told = post.await_kills(8 * KILLS);
    post.stop();
    let log = oracle.log();
    Account::of(&log.kills, &post.told()).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
    assert_eq!(told.gaps(), 0, "{:#?}", post.said());
    assert!(told.kills.iter().all(|kill| kill["source"] == "kprobe"), "{:#?}", post.said());
}

/// At its start: it tells of kills, or says what it wants and ends.
fn few_descriptors() {
    let cgroup = Cgroup::limited("frugal", SMALL);
    let mut post = Post::new().with_store().start();
    let enough = descriptors(&post).len() as u64 + 4;
    post.stop();
    let oracle = Oracle::ask();
    let (mut kills, mut started) = (0, 0);
    // With the fewest, each wants for something else.
    let few = (4..FEW).rev().step_by(sized(1, 7));
    for limit in (FEW..=enough).rev().step_by(sized(4, 12)).chain(few) {
        post.spawn_by(&[FRUGAL, &limit.to_string()]);
        if post.says("attached", PATIENCE) {
            started += 1;
            kills += 1;
            Victim::growing("hog", &cgroup).dies();
            let told = post.await_kills(kills).kills.len();
            assert_eq!(told, kills, "{limit} descriptors: {:#?}", post.said());
            post.stop();
            let stored = post.stored().kills.len();
            assert_eq!(stored, kills, "{limit} descriptors: {:#?}", post.said());
        } else {
            let status = post.ended(PATIENCE);
            let code = status.and_then(|status| status.code());
            assert_eq!(code, Some(1), "{limit} descriptors: {:#?}", post.said());
            let why = post.said().pop().unwrap_or_default();
            assert!(why.contains("open files"), "{limit} descriptors: {why}");
        }
    }
    assert!(started > 0, "{:#?}", post.said());
    let log = oracle.log();
    Account::of(&log.kills, &post.told()).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
}

/// How many it has, once none of them looks for older kills any more.
fn await_threads(post: &Post) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    let folder = format!("/proc/{}/task", post.pid().as_raw_pid());
    let is_at_work = || {
        let tasks = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path().join("comm"));
        tasks.into_iter().any(|comm| fs::read_to_string(comm).is_ok_and(|it| it == "backfill\n"))
    };
    while is_at_work() {
        assert!(Instant::now() < deadline, "{:#?}", post.said());
        thread::sleep(Duration::from_millis(50));
    }
    post.status("Threads:")
}

/// While it runs: the thread that would look for a container's name is refused, and so is each that
/// an output would take.
fn out_of_threads() {
    const KILLS: usize = 5;
    Cgroup::at_the_top("pids");
    let (_slice, container) = container();
    let cgroup = Cgroup::limited("few", 256 * MIB);
    let mut post = Post::new().with_store().within(cgroup).start();
    let oracle = Oracle::ask();
    let threads = await_threads(&post);
    post.cgroup().write("pids.max", threads);
    let kill = || Victim::growing("hog", &container).die(KILLS);
    kill();
    post.signal(Signal::HUP);
    kill();
    assert_eq!(post.await_kills(2 * KILLS).kills.len(), 2 * KILLS, "{:#?}", post.said());
    assert_eq!(post.status("Threads:"), threads, "the limit holds");
    let said = post.said();
    let unnamed = said.iter().filter(|line| line.contains("without names")).count();
    assert_eq!(unnamed, 1, "once, not for each: {said:#?}");
    post.cgroup().write("pids.max", "max");
    kill();
    post.await_kills(3 * KILLS);
    assert_eq!(post.status("Threads:"), threads + 1, "now there is one for names");
    post.stop();
    let log = oracle.log();
    Account::of(&log.kills, &post.told()).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
}
