//! The whole machine out of memory, with swap in use all the time.

use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::{Storm, Victim, dot};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario, sized};
use crate::swap::{DISK, swap_on};

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("fire_minute_of_thrashing", minute_of_thrashing).on(Machine::Swap)];

/// Processes that grow at the same time.
const HOGS: usize = 3;

/// What is not theirs is in swap as well, the agent's files among it; it has no turn when it wants one.
fn minute_of_thrashing() {
    let lasts = Duration::from_secs(sized(60, 8));
    swap_on(DISK);
    let cgroup = Cgroup::new("thrashing");
    let victim =
        Victim { oom_score_adj: 1000, thrashes: true, ..Victim::growing("thrasher", &cgroup) };
    let oracle = Oracle::ask();
    let mut post = Post::new().with_store().start();
    let until = Instant::now() + lasts;
    let storm = Storm::start(&[victim], HOGS);
    while Instant::now() < until {
        thread::sleep(Duration::from_secs(1));
        dot();
    }
    let kills = storm.end_at(HOGS);
    let log = oracle.log();
    assert_eq!(log.kills.len(), kills);
    post.await_kills(kills);
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
    assert_eq!(told.gaps(), 0, "{:#?}", post.said());
    for kill in &told.kills {
        let is_so = kill["scope"] == "global" && kill["outcome"] == "killed";
        assert!(is_so && kill["source"] == "kprobe", "{kill:#}");
        assert!(kill["victim"]["memory"]["swap_bytes"].as_u64() > Some(0), "{kill:#}");
    }
    super::groups::assert_exits(&told);
}
