//! As many kills as two processors make.

use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::{Storm, Victim, storm};
use super::{MIB, SMALL};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_hundreds_of_kills", || many(1, 500)).on(Machine::TwoCpus),
    Scenario::new("fire_hundreds_of_cgroups", || many(50, 500)).on(Machine::TwoCpus),
    Scenario::new("fire_thousands_of_kills", || many(1, 10_000)).on(Machine::Storm),
    Scenario::new("fire_thousand_cgroups", || many(1000, 10_000)).on(Machine::Storm),
    Scenario::new("fire_sixty_four_processors", sixty_four).on(Machine::SixtyFour),
];

/// What the agent may have at any time more than it began with.
const GROWTH: u64 = 32 * MIB;

/// Each kills in a cgroup of its own, and all at the same time.
fn sixty_four() {
    const PROCESSORS: usize = 64;
    assert_eq!(std::thread::available_parallelism().unwrap().get(), PROCESSORS);
    let cgroups: Vec<_> =
        (0..PROCESSORS).map(|index| Cgroup::limited(format!("cpu-{index}"), SMALL)).collect();
    let victims: Vec<_> = cgroups.iter().map(|cgroup| Victim::growing("hog", cgroup)).collect();
    let oracle = Oracle::ask();
    let mut post = Post::new().with_store().start();
    let storm = Storm::start(&victims, PROCESSORS);
    let kills = storm.end_at(4 * PROCESSORS);
    let log = oracle.log();
    assert_eq!(log.kills.len(), kills);
    post.await_kills(kills);
    post.stop_within(PATIENCE);
    let told = post.told();
    Account::of(&log.kills, &told).assert_counted(told.gaps());
    assert_eq!(told.gaps(), 0, "{:#?}", post.said());
    Account::of(&log.kills, &post.stored()).assert_whole();
    super::groups::assert_exits(&told);
}

fn many(cgroups: usize, kills: usize) {
    let cgroups: Vec<_> =
        (0..cgroups).map(|index| Cgroup::limited(format!("many-{index}"), SMALL)).collect();
    let victims: Vec<_> = cgroups.iter().map(|cgroup| Victim::growing("hog", cgroup)).collect();
    let oracle = Oracle::ask();
    let mut post = Post::new().start();
    let before = post.rss();
    storm(&victims, kills);
    let log = oracle.log();
    assert_eq!(log.kills.len(), kills);
    post.await_kills(kills);
    let after = post.rss();
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_counted(told.gaps());
    let [mib_before, mib_after] = [before, after].map(|bytes| bytes / MIB);
    assert!(after <= before + GROWTH, "{mib_before} MiB before, {mib_after} MiB after");
}
