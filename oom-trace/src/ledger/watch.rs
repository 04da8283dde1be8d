//! When an agent ran, and when none did.

use jiff::{SignedDuration, Timestamp};

use super::Ledger;
use super::boot::Boot;
use super::point::{Sign, agent};
use super::unproven::AgentThen;
use crate::incident::model::AgentEvent;

/// The spans of time in which an agent ran, in order, and those between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) spans: Vec<(Timestamp, Timestamp)>,
    pub(crate) gaps: Vec<Absence>,
}

/// A span of time without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// The agent said that it stops; else it ended at some moment of that time.
    pub(crate) is_sure: bool,
}

/// What the agent did between two moments of which something is known.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: Timestamp,
    until: Timestamp,
    agent: AgentThen,
}

impl Segment {
    /// Nobody said that one runs.
    const fn is_without(self) -> bool {
        matches!(self.agent, AgentThen::Stopped | AgentThen::Unheard)
    }
}

impl Ledger {
    /// When an agent ran, of a span; whether one runs now, the records do not tell.
    pub(crate) fn watch(&self, since: Timestamp, until: Timestamp, runs_now: bool) -> Watch {
        let mut watch = Watch::default();
        let mut is_sure = true;
        for segment in self.segments(since, until) {
            let Segment { from, until, agent } = segment;
            if !(agent == AgentThen::Ran || agent == AgentThen::Began && runs_now) {
                is_sure &= segment.is_without();
                continue;
            }
            match watch.spans.last_mut() {
                Some((_, end)) if *end == from => *end = until,
                last => {
                    let before = last.map(|(_, end)| Absence { from: *end, until: from, is_sure });
                    watch.gaps.extend(before);
                    watch.spans.push((from, until));
                }
            }
            is_sure = true;
        }
        watch
    }

    /// For how much of a span it is known that no agent ran, while the machine did.
    pub(crate) fn unwatched(&self, since: Timestamp, until: Timestamp) -> SignedDuration {
        let of_boot = |boot| segments(boot).filter_map(|it| within(it, since, until));
        let without = self.boots.iter().flat_map(of_boot).filter(|it| it.is_without());
        without.map(|it| it.until.duration_since(it.from)).sum()
    }

    /// What is known of each part of a span, in order of time.
    fn segments(&self, since: Timestamp, until: Timestamp) -> Vec<Segment> {
        let mut all: Vec<Segment> = Vec::new();
        let mut before: Option<&Boot> = None;
        for boot in &self.boots {
            let Some((first, _)) = signs(boot).next() else { continue };
            if let Some((before, (ns, sign))) = before.zip(before.and_then(|it| signs(it).last())) {
                let agent = match sign {
                    Sign::Agent(AgentEvent::Stopped) => AgentThen::Stopped,
                    _ => AgentThen::Vanished,
                };
                all.push(Segment { from: before.wall(ns), until: boot.wall(first), agent });
            }
            all.extend(segments(boot));
            before = Some(boot);
        }
        all.into_iter().filter_map(|it| within(it, since, until)).collect()
    }
}

/// What tells of an agent in a boot, and when. What is known of its first moment, the records that are gone
/// took with them.
fn signs(boot: &Boot) -> impl Iterator<Item = (u64, Sign)> {
    let is_whole = boot.pruned.is_none();
    let points = boot.points.iter().filter(move |point| is_whole || point.sign != Sign::Boot);
    points.map(|point| (point.ns, point.sign))
}

fn segments(boot: &Boot) -> impl Iterator<Item = Segment> {
    signs(boot).zip(signs(boot).skip(1)).map(|((a, before), (b, after))| Segment {
        from: boot.wall(a),
        until: boot.wall(b),
        agent: agent(before, after),
    })
}

fn within(segment: Segment, since: Timestamp, until: Timestamp) -> Option<Segment> {
    let (from, until) = (segment.from.max(since), segment.until.min(until));
    (from < until).then_some(Segment { from, until, ..segment })
}
