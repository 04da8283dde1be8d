//! The wall clock is set between kills.

use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use super::SMALL;
use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::Victim;
use crate::cgroup::Cgroup;
use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("fire_wall_clock_is_set", wall_clock_is_set)];

pub(crate) const DAY: i64 = 24 * 60 * 60;

/// The wall clock, put right again by the time that has passed meanwhile.
#[derive(Debug)]
pub(crate) struct WallClock {
    /// By how much it is wrong, in seconds.
    off: i64,
}

impl WallClock {
    pub(crate) fn right() -> Self {
        Self { off: 0 }
    }

    /// By so many seconds from what is right.
    pub(crate) fn set_off(&mut self, seconds: i64) {
        let now = clock_gettime(ClockId::Realtime);
        let tv_sec = now.tv_sec - self.off + seconds;
        clock_settime(ClockId::Realtime, Timespec { tv_sec, ..now }).unwrap();
        self.off = seconds;
    }

    /// To some day of 1970: before the boot it cannot be.
    pub(crate) fn set_to_1970(&mut self) {
        let right = clock_gettime(ClockId::Realtime).tv_sec - self.off;
        self.set_off(10 * DAY - right);
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        self.set_off(0);
    }
}

/// A machine without a battery for its clock, and one whose clock was once far ahead.
fn wall_clock_is_set() {
    let cgroup = Cgroup::limited("timeless", SMALL);
    let victim = Victim::growing("hog", &cgroup);
    let mut post = Post::new().with_store().start();
    let oracle = Oracle::ask();
    let mut clock = WallClock::right();
    let mut kills = 0;
    let mut kill = |post: &Post| {
        victim.dies();
        kills += 1;
        assert_eq!(post.await_kills(kills).kills.len(), kills, "{:#?}", post.said());
    };
    kill(&post);
    clock.set_to_1970();
    kill(&post);
    clock.set_off(0);
    kill(&post);
    clock.set_off(400 * DAY);
    kill(&post);
    // What was saved then must not be judged by it at a start either.
    post.kill();
    post.start_again();
    kill(&post);
    clock.set_off(0);
    kill(&post);
    clock.set_to_1970();
    post.kill();
    post.start_again();
    kill(&post);
    clock.set_off(0);
    kill(&post);
    post.stop();
    post.start_again();
    post.stop();
    let log = oracle.log();
    let (told, stored) = (post.told(), post.stored());
    Account::of(&log.kills, &told).assert_whole();
    Account::of(&log.kills, &stored).assert_whole();
    let tids: Vec<_> = stored.kills.iter().map(|kill| kill["victim"]["tid"].as_u64()).collect();
    let logged: Vec<_> = log.kills.iter().map(|line| Some(line.killed.pid)).collect();
    assert_eq!(tids, logged, "history tells of them in their order");
}
