//! Starts, stops and ends in the midst of kills.

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use aya::maps::{Array, MapData};
use rustix::process::Signal;

use super::account::Account;
use super::oracle::{Log, Logged, Oracle};
use super::post::Post;
use super::told::Told;
use super::victim::{Storm, Victim, storm};
use super::{Nested, SMALL};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_start_in_a_storm", start_in_a_storm).on(Machine::TwoCpus),
    Scenario::new("fire_beside_readers_of_an_array", beside_readers).on(Machine::TwoCpus),
    Scenario::new("fire_start_in_a_storm_and_then_lose", start_and_lose).on(Machine::TwoCpus),
    Scenario::new("fire_killed_and_started_in_storms", killed_in_storms).on(Machine::Fire),
    Scenario::new("fire_exits_on_both_processors", exits_on_both).on(Machine::Fire),
];

/// The command that reads a large BPF array without end.
pub(crate) const READER: &str = "array-reader";

/// A storm of two threads, each with a cgroup of its own.
fn two_cgroups() -> [Cgroup; 2] {
    ["storm-1", "storm-2"].map(|name| Cgroup::limited(name, SMALL))
}

fn growing(cgroups: &[Cgroup]) -> Vec<Victim> {
    cgroups.iter().map(|cgroup| Victim::growing("hog", cgroup)).collect()
}

/// An agent that gets a fifth of a processor while it starts: many kills fall between its hooks.
fn slow_to_start() -> Post {
    Cgroup::at_the_top("cpu");
    let cgroup = Cgroup::new("agent");
    cgroup.write("cpu.max", "20000 100000");
    let post = Post::new().within(cgroup).start();
    post.cgroup().write("cpu.max", "max");
    post
}

/// What the log tells from the first kill on that the agent tells of, it tells too, and each was a
/// kill; so was each that memory came back of.
fn start_in_a_storm() {
    let cgroups = two_cgroups();
    let oracle = Oracle::ask();
    let going = Storm::start(&growing(&cgroups), 2);
    going.go_on(20);
    let mut post = slow_to_start();
    going.go_on(150);
    going.end_at(0);
    let log = oracle.log();
    post.stop();
    let told = post.told();
    Account::of(since_the_first(&log, &told), &told).assert_counted(told.gaps());
    super::groups::assert_exits(&told);
}

/// The log from the first kill on that is told.
fn since_the_first<'a>(log: &'a Log, told: &Told) -> &'a [Logged] {
    let first = told.kills.iter().min_by_key(|kill| kill["boot_ns"].as_u64()).unwrap();
    let is_first = |line: &Logged| first["victim"]["tid"] == line.killed.pid;
    &log.kills[log.kills.iter().position(is_first).unwrap()..]
}

/// The kernel switches probes off on a processor that reads a map, and may take it away meanwhile.
fn beside_readers() {
    const KILLS: usize = 300;
    let cgroups = two_cgroups();
    let oracle = Oracle::ask();
    let mut post = Post::new().start();
    let readers = [(); 2].map(|()| Reader::start());
    storm(&growing(&cgroups), KILLS);
    drop(readers);
    let log = oracle.log();
    post.await_kills(log.kills.len());
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_counted(told.gaps());
}

/// A process that reads the array.
struct Reader(Child);

impl Reader {
    fn start() -> Self {
        let mut command = Command::new("/proc/self/exe");
        Self(command.arg(READER).stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn read_an_array(_: &[String]) {
    const SIZE: usize = 64 << 10;
    let array: Array<MapData, [u8; SIZE]> = Array::create(8, 0).unwrap();
    loop {
        for index in 0..8 {
            black_box(array.get(&index, 0).unwrap());
        }
    }
}

/// The agent's account is exact from its first moment on, whatever it lost later.
fn start_and_lose() {
    const LOST: usize = 250;
    let cgroups = two_cgroups();
    let deep = Nested::deep("lost", SMALL);
    let oracle = Oracle::ask();
    let going = Storm::start(&growing(&cgroups), 2);
    going.go_on(20);
    let before = usize::try_from(oracle.count()).unwrap();
    let mut post = slow_to_start();
    going.go_on(100);
    going.end_at(0);
    post.signal(Signal::STOP);
    storm(&[Victim::growing("lost", deep.innermost())], LOST);
    post.signal(Signal::CONT);
    let log = oracle.log();
    post.await_kills(log.kills.len() - before);
    post.stop();
    let told = post.told();
    let totals = &told.events("stopped").next().unwrap()["totals"];
    let (kills, gaps, counted) = (told.times(), told.gaps(), totals["kernel_kills"].as_u64());
    let counted = counted.unwrap();
    assert!(totals["ring_lost"].as_u64() > Some(0), "nothing was lost: {totals:#}");
    // A surplus would hide a loss.
    let missing = Account::of(since_the_first(&log, &told), &told).missing.len() as u64;
    assert_eq!(gaps, missing, "{gaps} in gaps, and {missing} not told: {totals:#}");
    assert_eq!(kills + gaps, counted, "{kills} told and {gaps} in gaps of {counted}");
    assert_eq!(totals["kills"], kills, "{totals:#}");
}

/// SIGKILL in each of ten storms: the next one has the rest from the log.
fn killed_in_storms() {
    const TIMES: usize = 10;
    let cgroups = two_cgroups();
    let mut post = Post::new().with_store();
    let oracle = Oracle::ask();
    for _ in 0..TIMES {
        let going = Storm::start(&growing(&cgroups), 2);
        post.start_again();
        going.go_on(20);
        post.kill();
        going.go_on(10);
        going.end_at(0);
    }
    post.start_again();
    let log = oracle.log();
    post.await_kills(log.kills.len());
    post.stop();
    let (told, stored) = (post.told(), post.stored());
    Account::of(&log.kills, &stored).assert_whole();
    Account::of(&log.kills, &told).assert_whole();
    // What was on its way as one of them started is none of those.
    let untold = |said: &String| said.contains("missed since boot");
    assert!(!post.said().iter().any(untold), "{:#?}", post.said());
}

/// Threads of many victims leave at the same time, on both; and then nobody reads for a while.
fn exits_on_both() {
    const LOST: usize = 2000;
    let cgroups = two_cgroups();
    let oracle = Oracle::ask();
    let mut post = Post::new().start();
    // The marked thread lets go of the memory while the other one, on the other processor, gives it back; and one
    // of so many that the last is far from the first.
    for (threads, kills) in [(1, 400), (20, 100)] {
        let threaded = |victim| Victim { threads, ..victim };
        storm(&growing(&cgroups).into_iter().map(threaded).collect::<Vec<_>>(), kills);
        let log = oracle.log();
        let told = post.await_kills(log.kills.len());
        Account::of(&log.kills, &told).assert_whole();
    }
    super::groups::assert_exits(&post.told());
    post.signal(Signal::STOP);
    storm(&growing(&cgroups), LOST);
    post.signal(Signal::CONT);
    let log = oracle.log();
    post.await_kills(log.kills.len());
    // A gap has to last for a second before it is told.
    thread::sleep(Duration::from_secs(2));
    post.stop();
    let told = post.told();
    super::groups::assert_exits(&told);
    Account::of(&log.kills, &told).assert_counted(told.gaps());
}
