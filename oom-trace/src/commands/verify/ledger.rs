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
    /// The two moments at which the kernel's count is known, which may be far apart; where it is not what
    /// tells, the same as the span.
    pub(super) counted: (Timestamp, Timestamp),
    /// The second of them is now: what is missing may come yet.
    pub(super) is_open: bool,
    pub(super) why: Why,
}

impl Unproven {
    /// A span of which no count tells.
    const fn uncounted(from: Timestamp, until: Timestamp, why: Why) -> Self {
        Self { from, until, counted: (from, until), is_open: false, why }
    }
}

/// Why nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no record of that time.
    NoRecord,
    /// It was before the first boot that is known.
    BeforeBoot,
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
    /// It ran at first; whether it does now nobody asked.
    Began,
    /// Nothing was heard of one since the boot: it kept its records elsewhere, or there was none.
    Unheard,
    /// It had stopped.
    Stopped,
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
                found.push(Unproven::uncounted(at, from, why));
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
        found.push(Unproven::uncounted(at, until, why));
    }
    found
}

/// The parts of a span between those that are not accounted for.
pub(super) fn proven(
    boots: &[Boot],
    holes: &[Unproven],
    since: Timestamp,
    until: Timestamp,
) -> Vec<(Timestamp, Timestamp)> {
    let mut at = since;
    let ends = holes.iter().map(|hole| (hole.from, hole.until)).chain([(until, until)]);
    let parts = ends.filter_map(|(from, to)| {
        let part = (at, from);
        at = at.max(to);
        (part.0 < part.1).then_some(part)
    });
    parts.filter(|(from, to)| unproven(boots, *from, *to).is_empty()).collect()
}

/// How many kills are told of in a span, whoever died.
pub(super) fn recorded(boots: &[Boot], since: Timestamp, until: Timestamp) -> u64 {
    let kills =
        boots.iter().flat_map(|boot| boot.kills.iter().map(|kill| (boot.wall(kill.ns), kill)));
    let within = kills.filter(|(time, _)| since <= *time && *time <= until);
    within.map(|(_, kill)| u64::from(kill.kills.unwrap_or(0))).sum()
}

/// For how much of a span it is known that no agent ran.
pub(super) fn unwatched(boots: &[Boot], since: Timestamp, until: Timestamp) -> SignedDuration {
    let of_boot = |boot: &Boot| -> SignedDuration {
        let points = boot.usable();
        let spans = points.windows(2).filter_map(|pair| {
            let [a, b] = pair else { return None };
            let (from, to) = (boot.wall(a.ns).max(since), boot.wall(b.ns).min(until));
            let is_without = matches!(agent(a.sign, b.sign), Agent::Stopped | Agent::Unheard);
            (is_without && from < to).then(|| to.duration_since(from))
        });
        spans.sum()
    };
    boots.iter().map(of_boot).sum()
}

/// Why nobody knows of the time before the first thing known of a boot.
fn hole_before(boot: &Boot, before: Option<&Boot>) -> Why {
    if boot.pruned.is_some() {
        return Why::Pruned;
    }
    match before.and_then(|before| before.points.last()) {
        Some(point) => Why::Restarted { stopped: point.is_goodbye() },
        None if boot.points.first().is_some_and(|first| first.sign == Sign::Boot) => {
            Why::BeforeBoot
        }
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
            let counted = (self.wall(a.ns), self.wall(b.ns));
            let (from, to) = (counted.0.max(since), counted.1.min(until));
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
            let is_open = b.sign == Sign::Now;
            found.push(Unproven { from, until: to, counted, is_open, why });
        }
    }
}

/// What the agent did between two signs that follow each other.
fn agent(before: Sign, after: Sign) -> Agent {
    let is_running =
        matches!(before, Sign::Agent(AgentEvent::Started | AgentEvent::Degraded | AgentEvent::Gap));
    match (is_running, after) {
        (false, _) if before == Sign::Boot => Agent::Unheard,
        (false, _) => Agent::Stopped,
        (true, Sign::Agent(AgentEvent::Started)) => Agent::Vanished,
        (true, Sign::Now) => Agent::Began,
        (true, _) => Agent::Ran,
    }
}

#[cfg(test)]
mod tests;
