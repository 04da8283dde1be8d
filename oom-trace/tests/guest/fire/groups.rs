//! Groups: with threads, starved, and whose memory comes back when.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::told::Told;
use super::victim::{Crowd, Victim, storm};
use super::{MIB, SMALL};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_group_of_threads_is_counted", group_of_threads).on(Machine::TwoCpus),
    Scenario::new("fire_exits_are_the_victims", exits_are_the_victims).on(Machine::TwoCpus),
    Scenario::new("fire_starved_group_is_one_incident", starved_group).on(Machine::Fire),
];

const MEMBERS: usize = 20;

/// A watcher is a process too, and has to be woken.
const APART_NS: u64 = 2_000_000_000;

/// As many members and one that grows, killed as a group.
fn kill_group(name: &str, threads: usize) -> HashMap<u64, u64> {
    let cgroup = Cgroup::limited(name, 256 * MIB);
    cgroup.write("memory.oom.group", 1);
    let member = Victim { threads, ..Victim::waiting("member", &cgroup) };
    let crowd = Crowd::start(&member, MEMBERS);
    let grower = Victim { threads, ..Victim::growing("grower", &cgroup) };
    let watch = Watchers::of(&crowd.pids());
    cgroup.limit(cgroup.usage() + MIB);
    grower.dies();
    let ends = watch.ends();
    crowd.killed();
    ends
}

/// Who watches processes end: each by its pidfd.
struct Watchers(Vec<(u32, std::os::fd::OwnedFd)>);

impl Watchers {
    fn of(pids: &[u32]) -> Self {
        let pidfd = |&pid: &u32| {
            let raw = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            (pid, pidfd_open(raw, PidfdFlags::empty()).unwrap())
        };
        Self(pids.iter().map(pidfd).collect())
    }

    /// `CLOCK_BOOTTIME` when each has ended, by its pid, in nanoseconds.
    fn ends(mut self) -> HashMap<u64, u64> {
        let mut ends = HashMap::new();
        let deadline = Instant::now() + PATIENCE;
        while !self.0.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap();
            let mut fds: Vec<_> =
                self.0.iter().map(|(_, fd)| PollFd::new(fd, PollFlags::IN)).collect();
            assert!(poll(&mut fds, Some(&timeout)).unwrap() > 0, "{} live on", fds.len());
            let now = clock_gettime(ClockId::Boottime);
            let now = u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap();
            let ended: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            let mut ended = ended.into_iter();
            self.0.retain(|(pid, _)| {
                let ended = ended.next().unwrap();
                if ended {
                    ends.insert(u64::from(*pid), now);
                }
                !ended
            });
        }
        ends
    }
}

/// A process is one victim, however many threads it has.
fn group_of_threads() {
    let oracle = Oracle::ask();
    let mut post = Post::new().start();
    for _ in 0..3 {
        drop(kill_group("threads", 50));
    }
    let log = oracle.log();
    post.await_kills(3 * (MEMBERS + 1));
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_whole();
    let counts: Vec<_> = told.kills.iter().map(|kill| kill["victim_count"].as_u64()).collect();
    let wrong: Vec<_> =
        counts.iter().flatten().filter(|&&count| count != MEMBERS as u64 + 1).collect();
    assert!(wrong.is_empty(), "victim_count of a group of {}: {wrong:?}", MEMBERS + 1);
}

/// Processes that come later get the addresses of those that went.
fn exits_are_the_victims() {
    const GROUPS: usize = 4;
    const SHORT: usize = 60;
    let other = Cgroup::limited("short", SMALL);
    let oracle = Oracle::ask();
    let mut post = Post::new().start();
    let mut ends = HashMap::new();
    for group in 0..GROUPS {
        ends.extend(kill_group(&format!("group-{group}"), 40));
        storm(&[Victim::growing("short", &other)], SHORT / GROUPS);
        for _ in 0..SHORT {
            // It dies of itself, at once.
            let refused = std::process::Command::new("/proc/self/exe").arg("--list").output();
            assert!(refused.unwrap().status.success());
        }
    }
    let log = oracle.log();
    post.await_kills(log.kills.len() - GROUPS);
    // Nothing of them is left: what is told later is told of others.
    std::thread::sleep(Duration::from_secs(2));
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_whole();
    assert_exits(&told);
    let late = |exit: &&Value| {
        // A hook that the kernel left out tells of none: then the agent sees after a while that it is gone, and
        // does not say since when.
        let is_seen = !exit["freed_after_ms"].is_null();
        let end = exit["pid"].as_u64().filter(|_| is_seen).and_then(|pid| ends.get(&pid));
        end.is_some_and(|end| exit["boot_ns"].as_u64().unwrap() > end + APART_NS)
    };
    let late: Vec<_> = told.exits.iter().filter(late).collect();
    assert!(
        late.is_empty(),
        "{} of {} told long after they ended, such as {:#}",
        late.len(),
        told.exits.len(),
        late[0]
    );
}

/// Each is of a kill that was told, its thread included, at most once in each state, and no later
/// than it can be.
pub(crate) fn assert_exits(told: &Told) {
    let key = |record: &Value, victim: &Value| {
        (record["incident"].to_string(), victim["pid"].to_string(), victim["tid"].to_string())
    };
    let kills: HashMap<_, _> =
        told.kills.iter().map(|kill| (key(kill, &kill["victim"]), kill)).collect();
    // Where memory was full the record of the kill itself may be among those that were lost, which are counted
    // and which the log tells again; it names no incident.
    let logged = told.kills.iter().filter(|kill| kill["source"] == "kernel_log");
    let logged: HashMap<_, _> =
        logged.map(|kill| (kill["victim"]["tid"].to_string(), kill)).collect();
    let mut seen = HashMap::new();
    let mut wrong = Vec::new();
    for exit in &told.exits {
        let its = key(exit, exit);
        let again = || logged.get(&exit["tid"].to_string()).filter(|kill| is_near(exit, kill));
        let Some(kill) = kills.get(&its).or_else(again) else {
            wrong.push(format!("of no victim: {exit:#}"));
            continue;
        };
        if let Some(before) = seen.insert((its, exit["state"].to_string()), exit) {
            wrong.push(format!("twice: {before:#} {exit:#}"));
        }
        let took = |record: &Value| record["boot_ns"].as_u64().unwrap();
        let elapsed = took(exit).saturating_sub(took(kill)) / 1_000_000;
        if exit["freed_after_ms"].as_u64().is_some_and(|after| after > elapsed + 1000) {
            wrong.push(format!("longer than since the kill: {exit:#}"));
        }
    }
    assert!(told.contradicted.is_empty(), "two records each: {:?}", told.contradicted);
    let first = wrong.first().map_or("", String::as_str);
    assert!(wrong.is_empty(), "{} of {} exits wrong: {first}", wrong.len(), told.exits.len());
}

/// Whether they may be of one victim, whose thread's id may come again in time.
fn is_near(exit: &Value, kill: &Value) -> bool {
    let [exit, kill] = [exit, kill].map(|record| record["boot_ns"].as_u64().unwrap());
    exit.abs_diff(kill) < APART_NS
}

/// A group that gets a thousandth of a processor takes seconds to be killed.
fn starved_group() {
    Cgroup::at_the_top("cpu");
    let cgroup = Cgroup::limited("starved", 256 * MIB);
    cgroup.write("memory.oom.group", 1);
    let crowd = Crowd::start(&Victim::waiting("member", &cgroup), MEMBERS);
    let oracle = Oracle::ask();
    let mut post = Post::new().with_store().start();
    let grower = Victim::growing("grower", &cgroup).spawn(std::process::Stdio::null());
    cgroup.write("cpu.max", "1000 1000000");
    cgroup.limit(cgroup.usage() + MIB);
    super::victim::killed(grower);
    crowd.killed();
    let log = oracle.log();
    post.await_kills(MEMBERS + 1);
    post.stop();
    for told in [post.told(), post.stored()] {
        Account::of(&log.kills, &told).assert_whole();
        let incidents: std::collections::HashSet<_> =
            told.kills.iter().map(|kill| kill["incident"].to_string()).collect();
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        for kill in &told.kills {
            assert_eq!(kill["victim_count"], MEMBERS + 1, "{kill:#}");
            assert_eq!(kill["scope"], "memcg", "{kill:#}");
        }
    }
}
