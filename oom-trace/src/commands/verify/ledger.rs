//! Which part of a span of time is accounted for.
//!
//! Whether an agent ran is not what proves that nothing was killed: it may have missed a kill, and kills of
//! a time without one are found in the kernel's log. What proves it is the kernel's own count of kills
//! (`/proc/vmstat` `oom_kill`), which only rises and misses none. Two counts of one boot, at two moments,
//! whose difference is the number of kills that are told of in between: then none is missing between them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::incident::model::AgentEvent;

/// One boot, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    /// Which.
    pub(super) id: String,
    /// When it began, by the wall clock.
    pub(super) start: Timestamp,
    /// Moments at which the kernel's count is known, or would be; in order of time.
    pub(super) points: Vec<Point>,
    /// Kills that are told of.
    pub(super) kills: Vec<Counted>,
    /// What the store has let go of: kills up to this moment, in nanoseconds since boot, and how many.
    pub(super) pruned: Option<(u64, u64)>,
}

/// A moment at which the kernel's count is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Nanoseconds since boot.
    pub(super) ns: u64,
    /// How many kills the kernel had counted; `None` in records of older agents.
    pub(super) count: Option<u64>,
    /// What tells.
    pub(super) sign: Sign,
}

impl Point {
    fn is_goodbye(&self) -> bool {
        self.sign == Sign::Agent(AgentEvent::Stopped)
    }
}

/// What tells of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The boot: nothing was counted yet.
    Boot,
    /// The agent said something.
    Agent(AgentEvent),
    /// It is now.
    Now,
}

/// Kills that a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// When, in nanoseconds since boot.
    pub(super) ns: u64,
    /// How many the kernel counted; `None` if nobody knows.
    pub(super) kills: Option<u32>,
}

/// A span of time of which nobody knows whether something was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unproven {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) why: Why,
}

/// Why nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no record of that time.
    NoRecord,
    /// The machine restarted; whether the agent had stopped before, or was there until the end.
    Restarted {
        /// It had said that it stops.
        stopped: bool,
    },
    /// Nothing later is known; whether the agent had stopped.
    Ended {
        /// It had said that it stops.
        stopped: bool,
    },
    /// The store has let go of records.
    Pruned,
    /// The kernel counted more kills than are told of.
    Missing {
        /// So many.
        kills: u64,
        /// What the agent did meanwhile.
        agent: Agent,
    },
    /// More kills are told of than the kernel counted.
    Surplus {
        /// So many.
        kills: u64,
    },
    /// There are records of which nobody knows whether they are of kills.
    Unsure {
        /// So many.
        records: u64,
    },
}

/// What the agent did in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// It ran all the time.
    Ran,
    /// It was not there.
    Absent,
    /// It ended without a word: it was killed, or crashed.
    Vanished,
}

/// The parts of a span that are not accounted for, in order; none if all of it is.
pub(super) fn unproven(boots: &[Boot], since: Timestamp, until: Timestamp) -> Vec<Unproven> {
    let mut boots: Vec<_> = boots.iter().collect();
    boots.sort_by_key(|boot| boot.start);
    let mut found = Vec::new();
    let mut at = since;
    let mut before: Option<&Boot> = None;
    for boot in boots {
        let points = boot.usable();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
        let (from, to) = (boot.wall(first.ns), boot.wall(last.ns));
        if from > until {
            break;
        }
        if to >= at {
            if from > at {
                let why = hole_before(boot, before);
                found.push(Unproven { from: at, until: from, why });
                at = from;
            }
            let end = until.min(to);
            boot.unproven(&points, at, end, &mut found);
            at = end;
        }
        before = Some(boot);
    }
    if at < until {
        // Something later would have ended it, if there were any.
        let last = before.and_then(|boot| boot.points.last());
        let why = last.map_or(Why::NoRecord, |last| Why::Ended { stopped: last.is_goodbye() });
        found.push(Unproven { from: at, until, why });
    }
    found
}

/// Why nobody knows of the time before the first thing known of a boot.
fn hole_before(boot: &Boot, before: Option<&Boot>) -> Why {
    if boot.pruned.is_some() {
        return Why::Pruned;
    }
    match before.and_then(|before| before.points.last()) {
        Some(point) => Why::Restarted { stopped: point.is_goodbye() },
        None => Why::NoRecord,
    }
}

/// How far the account is off at a point: kills that the kernel counted and that are not told of, and
/// records of which nobody knows whether they are kills.
type Level = (i128, u64);

impl Boot {
    /// From its beginning to the last thing known of it.
    pub(super) fn span(&self) -> (Timestamp, Timestamp) {
        let last = self.points.iter().map(|point| point.ns).max().unwrap_or(0);
        let kill = self.kills.iter().map(|kill| kill.ns).max().unwrap_or(0);
        (self.start, self.wall(last.max(kill)))
    }

    /// A moment of it by the wall clock.
    pub(super) fn wall(&self, ns: u64) -> Timestamp {
        let since = SignedDuration::from_nanos(i64::try_from(ns).unwrap_or(i64::MAX));
        self.start.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    /// Points whose count can be held against the records.
    fn usable(&self) -> Vec<Point> {
        let from = self.pruned.map_or(0, |(ns, _)| ns);
        // What is known of the boot's first moment, the records that are gone took with them.
        let is_whole = |point: &Point| self.pruned.is_none() || point.sign != Sign::Boot;
        let mut points = self.points.to_vec();
        points.retain(|point| point.count.is_some() && point.ns >= from && is_whole(point));
        points.sort_by_key(|point| point.ns);
        points
    }

    fn levels(&self, points: &[Point]) -> Vec<Level> {
        let mut kills: Vec<_> = self.kills.clone();
        kills.sort_by_key(|kill| kill.ns);
        let mut kills = kills.into_iter().peekable();
        let mut told = self.pruned.map_or(0, |(_, kills)| i128::from(kills));
        let mut unsure = 0;
        let mut levels = Vec::new();
        for point in points {
            while let Some(kill) = kills.next_if(|kill| kill.ns <= point.ns) {
                match kill.kills {
                    Some(kills) => told += i128::from(kills),
                    None => unsure += 1,
                }
            }
            levels.push((i128::from(point.count.unwrap_or(0)) - told, unsure));
        }
        levels
    }

    /// Of a span between its first and last point.
    fn unproven(
        &self,
        points: &[Point],
        since: Timestamp,
        until: Timestamp,
        found: &mut Vec<Unproven>,
    ) {
        let levels = self.levels(points);
        // A kill that was under way at one of the points is counted on one side and told of on the other:
        // so any two points will do that have the span between them.
        let mut before = HashMap::new();
        let all = || points.iter().zip(&levels);
        for (point, level) in all().take_while(|(point, _)| self.wall(point.ns) <= since) {
            before.insert(*level, point.ns);
        }
        let mut after = all().filter(|(point, _)| self.wall(point.ns) >= until);
        if after.any(|(_, level)| before.contains_key(level)) {
            return;
        }
        let pairs = points.windows(2).zip(levels.windows(2));
        for (pair, levels) in pairs {
            let ([a, b], [(off_a, unsure_a), (off_b, unsure_b)]) = (pair, levels) else { continue };
            let (from, to) = (self.wall(a.ns).max(since), self.wall(b.ns).min(until));
            let is_outside = from > to || (from == to && since != until);
            let off = off_b - off_a;
            let kills = u64::try_from(off.unsigned_abs()).unwrap_or(u64::MAX);
            let why = match (off, unsure_b - unsure_a) {
                _ if is_outside => continue,
                (1.., _) => Why::Missing { kills, agent: agent(a.sign, b.sign) },
                (..0, _) => Why::Surplus { kills },
                (0, 0) => continue,
                (0, records) => Why::Unsure { records },
            };
            found.push(Unproven { from, until: to, why });
        }
    }
}

/// What the agent did between two signs that follow each other.
fn agent(before: Sign, after: Sign) -> Agent {
    let is_running =
        matches!(before, Sign::Agent(AgentEvent::Started | AgentEvent::Degraded | AgentEvent::Gap));
    let starts = after == Sign::Agent(AgentEvent::Started);
    match (is_running, starts) {
        (true, true) => Agent::Vanished,
        (true, false) => Agent::Ran,
        (false, _) => Agent::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: Sign = Sign::Agent(AgentEvent::Started);
    const STOPPED: Sign = Sign::Agent(AgentEvent::Stopped);

    /// Seconds of a wall clock that stood at 1,000 when the boot began.
    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn boot(start: i64, points: &[(u64, u64, Sign)], kills: &[(u64, Option<u32>)]) -> Boot {
        let s = 1_000_000_000;
        let point = |&(at, count, sign)| Point { ns: at * s, count: Some(count), sign };
        let kill = |&(at, kills)| Counted { ns: at * s, kills };
        Boot {
            id: format!("boot-{start}"),
            start: at(start),
            points: points.iter().map(point).collect(),
            kills: kills.iter().map(kill).collect(),
            pruned: None,
        }
    }

    fn spans(boots: &[Boot], since: i64, until: i64) -> Vec<(i64, i64, Why)> {
        let found = unproven(boots, at(since), at(until)).into_iter();
        found.map(|it| (it.from.as_second(), it.until.as_second(), it.why)).collect()
    }

    /// An agent that started ten seconds after boot and runs still, a hundred seconds after it.
    fn running(count: u64, kills: &[(u64, Option<u32>)]) -> Boot {
        boot(1000, &[(0, 0, Sign::Boot), (10, 0, STARTED), (100, count, Sign::Now)], kills)
    }

    #[test]
    fn a_count_that_did_not_rise_proves_that_nothing_was_killed() {
        assert_eq!(spans(&[running(0, &[])], 1020, 1100), []);
        assert_eq!(spans(&[running(0, &[])], 1000, 1005), []);
    }

    #[test]
    fn kills_that_are_told_of_account_for_the_count() {
        assert_eq!(spans(&[running(3, &[(30, Some(2)), (40, Some(1))])], 1020, 1100), []);
        let missing = Why::Missing { kills: 1, agent: Agent::Ran };
        assert_eq!(spans(&[running(3, &[(30, Some(2))])], 1020, 1100), [(1020, 1100, missing)]);
    }

    #[test]
    fn a_loss_before_the_agents_start_does_not_spoil_what_it_saw() {
        // Two kills before it, of which nobody tells.
        let lost = boot(1000, &[(0, 0, Sign::Boot), (10, 2, STARTED), (100, 2, Sign::Now)], &[]);
        assert_eq!(spans(std::slice::from_ref(&lost), 1010, 1100), []);
        let missing = Why::Missing { kills: 2, agent: Agent::Absent };
        assert_eq!(spans(&[lost], 1005, 1100), [(1005, 1010, missing)]);
    }

    #[test]
    fn while_no_agent_ran_the_count_tells_and_the_log_may_have_told() {
        let points = [
            (0, 0, Sign::Boot),
            (10, 0, STARTED),
            (50, 0, STOPPED),
            (80, 1, STARTED),
            (100, 1, Sign::Now),
        ];
        let missing = Why::Missing { kills: 1, agent: Agent::Absent };
        assert_eq!(spans(&[boot(1000, &points, &[])], 1020, 1100), [(1050, 1080, missing)]);
        assert_eq!(spans(&[boot(1000, &points, &[])], 1082, 1100), []);
        assert_eq!(spans(&[boot(1000, &points, &[])], 1020, 1045), []);
        // The next start found it in the kernel's log.
        assert_eq!(spans(&[boot(1000, &points, &[(60, Some(1))])], 1020, 1100), []);
    }

    #[test]
    fn an_agent_that_was_killed_says_no_goodbye() {
        let points = [(0, 0, Sign::Boot), (10, 0, STARTED), (80, 1, STARTED), (100, 1, Sign::Now)];
        let missing = Why::Missing { kills: 1, agent: Agent::Vanished };
        assert_eq!(spans(&[boot(1000, &points, &[])], 1020, 1100), [(1020, 1080, missing)]);
        let quiet = [(0, 0, Sign::Boot), (10, 0, STARTED), (80, 0, STARTED), (100, 0, Sign::Now)];
        assert_eq!(spans(&[boot(1000, &quiet, &[])], 1020, 1100), []);
    }

    #[test]
    fn between_two_boots_nobody_counts() {
        let first = boot(1000, &[(0, 0, Sign::Boot), (10, 0, STARTED), (50, 0, STOPPED)], &[]);
        let second = boot(1080, &[(0, 0, Sign::Boot), (10, 0, STARTED), (90, 0, Sign::Now)], &[]);
        let both = [second.clone(), first.clone()];
        let restarted = |stopped| Why::Restarted { stopped };
        assert_eq!(spans(&both, 1020, 1150), [(1050, 1080, restarted(true))]);
        assert_eq!(spans(&both, 1081, 1150), []);
        assert_eq!(spans(&both, 1020, 1050), []);
        // The power went: what was after its last word nobody knows.
        let cut = Boot { points: first.points[..2].to_vec(), ..first };
        assert_eq!(spans(&[cut, second], 1005, 1150), [(1010, 1080, restarted(false))]);
    }

    #[test]
    fn before_the_first_record_and_after_the_last_nobody_knows() {
        let only = boot(1000, &[(10, 0, STARTED), (50, 0, STOPPED)], &[]);
        assert_eq!(
            spans(std::slice::from_ref(&only), 900, 1100),
            [(900, 1010, Why::NoRecord), (1050, 1100, Why::Ended { stopped: true })]
        );
        assert_eq!(spans(&[], 900, 1100), [(900, 1100, Why::NoRecord)]);
        assert_eq!(spans(&[only], 900, 950), [(900, 950, Why::NoRecord)]);
    }

    #[test]
    fn what_was_let_go_of_is_not_known_and_counts_all_the_same() {
        let mut pruned = running(3, &[(30, Some(1))]);
        pruned.pruned = Some((20_000_000_000, 2));
        pruned.points.insert(2, Point { ns: 25_000_000_000, count: Some(2), sign: STARTED });
        assert_eq!(spans(&[pruned.clone()], 1026, 1100), []);
        assert_eq!(spans(&[pruned.clone()], 1012, 1100), [(1012, 1025, Why::Pruned)]);
        pruned.kills.clear();
        let missing = Why::Missing { kills: 1, agent: Agent::Ran };
        assert_eq!(spans(&[pruned], 1026, 1100), [(1026, 1100, missing)]);
    }

    #[test]
    fn records_that_may_be_of_no_kill_prove_nothing() {
        let unsure = Why::Unsure { records: 1 };
        assert_eq!(spans(&[running(0, &[(30, None)])], 1020, 1100), [(1020, 1100, unsure)]);
        // And do not make up for one that is missing.
        let missing = Why::Missing { kills: 1, agent: Agent::Ran };
        assert_eq!(spans(&[running(1, &[(30, None)])], 1020, 1100), [(1020, 1100, missing)]);
        let surplus = Why::Surplus { kills: 1 };
        assert_eq!(spans(&[running(0, &[(30, Some(1))])], 1020, 1100), [(1020, 1100, surplus)]);
    }

    #[test]
    fn a_kill_under_way_at_a_point_spoils_nothing_around_it() {
        // Counted before the agent said that it started, and told of as of later.
        let points = [(0, 0, Sign::Boot), (10, 1, STARTED), (100, 1, Sign::Now)];
        assert_eq!(spans(&[boot(1000, &points, &[(11, Some(1))])], 1020, 1100), []);
    }

    #[test]
    fn an_older_agent_left_no_count() {
        let mut old = running(0, &[]);
        old.points[1].count = None;
        assert_eq!(spans(&[old.clone()], 1020, 1100), []);
        old.points.remove(0);
        old.points.remove(1);
        assert_eq!(spans(&[old], 1020, 1100), [(1020, 1100, Why::NoRecord)]);
    }
}
