//! One boot: when the kernel's count is known, and what is told of.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::point::{Point, Sign, agent};
use super::unproven::{AgentThen, Unproven, Why};

/// One boot, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boot {
    /// Which.
    pub(crate) id: String,
    /// When it began, by the wall clock.
    pub(crate) start: Timestamp,
    /// Moments at which the kernel's count is known, or would be; in order of time.
    pub(crate) points: Vec<Point>,
    /// Kills that are told of.
    pub(crate) kills: Vec<Counted>,
    /// What the store has let go of: kills up to this moment, in nanoseconds since boot, and how many.
    pub(crate) pruned: Option<(u64, u64)>,
}

/// Kills that a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// When at the latest, in nanoseconds since boot.
    pub(crate) ns: u64,
    /// When at the earliest. The kernel's log does not count how long the machine slept.
    pub(crate) earliest: u64,
    /// How many the kernel counted; `None` if nobody knows.
    pub(crate) kills: Option<u32>,
}

/// How far the account is off at a point: kills that the kernel counted and that are not told of, and
/// records of which nobody knows whether they are kills.
type Level = (i128, u64);

impl Boot {
    /// One of which only the beginning is known.
    pub(crate) fn begun(id: &str, start: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            start,
            points: vec![Point::BOOT],
            kills: Vec::new(),
            pruned: None,
        }
    }

    /// From its beginning to the last thing known of it.
    pub(crate) fn span(&self) -> (Timestamp, Timestamp) {
        let last = self.points.iter().map(|point| point.ns).max().unwrap_or(0);
        let kill = self.kills.iter().map(|kill| kill.earliest).max().unwrap_or(0);
        (self.start, self.wall(last.max(kill)))
    }

    /// A moment of it by the wall clock.
    pub(crate) fn wall(&self, ns: u64) -> Timestamp {
        let since = SignedDuration::from_nanos(i64::try_from(ns).unwrap_or(i64::MAX));
        self.start.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    /// Points whose count can be held against the records: not one of which nobody knows on which side of it a kill
    /// was.
    pub(super) fn usable(&self) -> Vec<Point> {
        let from = self.pruned.map_or(0, |(ns, _)| ns);
        // What is known of the boot's first moment, the records that are gone took with them.
        let is_whole = |point: &Point| self.pruned.is_none() || point.sign != Sign::Boot;
        let mut points = self.points.to_vec();
        let vague: Vec<_> = self.kills.iter().filter(|kill| kill.earliest < kill.ns).collect();
        let is_between = |point: &Point| {
            point.sign != Sign::Now
                && vague.iter().any(|kill| kill.earliest < point.ns && point.ns < kill.ns)
        };
        points.retain(|point| {
            point.count.is_some() && point.ns >= from && is_whole(point) && !is_between(point)
        });
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
            // All that is told of was before now.
            let is_before = |kill: &Counted| kill.ns <= point.ns || point.sign == Sign::Now;
            while let Some(kill) = kills.next_if(is_before) {
                match kill.kills {
                    Some(kills) => told += i128::from(kills),
                    None => unsure += 1,
                }
            }
            levels.push((i128::from(point.count.unwrap_or(0)) - told, unsure));
        }
        levels
    }

    /// What the agent did between two points that can be used: others may lie between them.
    fn agent_between(&self, a: Point, b: Point) -> AgentThen {
        let others = self.points.iter().filter(|point| a.ns < point.ns && point.ns < b.ns);
        let last = others.max_by_key(|point| point.ns).map_or(a.sign, |point| point.sign);
        agent(last, b.sign)
    }

    /// Of a span between its first and last point.
    pub(super) fn unproven(
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
            let counted = (self.wall(a.ns), self.wall(b.ns));
            let (from, to) = (counted.0.max(since), counted.1.min(until));
            let is_outside = from > to || (from == to && since != until);
            let off = off_b - off_a;
            let kills = u64::try_from(off.unsigned_abs()).unwrap_or(u64::MAX);
            let why = match (off, unsure_b - unsure_a) {
                _ if is_outside => continue,
                (1.., _) => Why::Missing { kills, agent: self.agent_between(*a, *b) },
                (..0, _) => Why::Surplus { kills },
                (0, 0) => continue,
                (0, records) => Why::Unsure { records },
            };
            let is_open = b.sign == Sign::Now;
            found.push(Unproven { from, until: to, counted, is_open, why });
        }
    }
}
