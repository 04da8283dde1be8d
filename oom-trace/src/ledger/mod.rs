//! The kernel's own count of kills, held against what is told of: which part of a span of time is accounted for.
//!
//! Whether an agent ran is not what proves that nothing was killed: it may have missed a kill, and kills of
//! a time without one are found in the kernel's log. What proves it is the kernel's own count of kills
//! (`/proc/vmstat` `oom_kill`), which only rises and misses none. Two counts of one boot, at two moments,
//! whose difference is the number of kills that are told of in between: then none is missing between them.

mod boot;
mod now;
mod point;
mod sources;
mod unproven;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use jiff::Timestamp;

pub(crate) use self::boot::Boot;
use self::boot::Counted;
pub(crate) use self::now::Now;
use self::point::{Point, Sign};
pub(crate) use self::unproven::{AgentThen, Unproven, Why};
pub(crate) use self::watch::Absence;
use crate::incident::model::{Agent, AgentEvent, OomKill, Origin};

/// A machine's boots, as far as they are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// In order of time.
    boots: Vec<Boot>,
    by_id: HashMap<String, usize>,
    /// In which boot the agent started whose records are being taken, and when, in nanoseconds since then.
    started: Option<(usize, u64)>,
}

impl Ledger {
    pub(crate) fn new(mut boots: Vec<Boot>) -> Self {
        boots.sort_by_key(|boot| boot.start);
        let ids = boots.iter().enumerate().map(|(at, boot)| (boot.id.clone(), at));
        Self { by_id: ids.collect(), boots, started: None }
    }

    /// The boot of this id, if it is known.
    pub(crate) fn boot(&self, id: Option<&str>) -> Option<&Boot> {
        self.boots.get(self.number(id)?)
    }

    /// When the first boot began.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        Some(self.boots.first()?.start)
    }

    /// When the boot began in which this moment lies, if it is known.
    pub(crate) fn start_before(&self, moment: Timestamp) -> Option<Timestamp> {
        self.boots.iter().map(|boot| boot.start).filter(|start| *start <= moment).max()
    }

    /// The last moment that is known of.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        Some(self.boots.last()?.span().1)
    }

    /// Takes what an agent said.
    pub(crate) fn take_agent(&mut self, agent: &Agent) {
        let (count, sign) = (agent.kernel_kills_since_boot, Sign::Agent(agent.event));
        let Origin { boot_id, boot_ns, .. } = &agent.origin;
        match agent.event {
            AgentEvent::Started => self.started = self.number(boot_id.as_deref()).zip(*boot_ns),
            AgentEvent::Stopped => self.started = None,
            AgentEvent::Degraded | AgentEvent::Gap => {}
        }
        let Some(ns) = *boot_ns else { return };
        if let Some(boot) = self.boot_mut(boot_id.as_deref()) {
            let at = boot.points.partition_point(|point| point.ns <= ns);
            boot.points.insert(at, Point { ns, count, sign });
        }
    }

    /// When a kill was at the latest, in nanoseconds since boot, of which only the kernel's log told and not when it
    /// was: before the start of the agent that found it there. One that is left of another boot was before that
    /// boot's end.
    pub(crate) fn latest(&self, kill: &OomKill) -> Option<u64> {
        let (boot, ns) = self.started.filter(|_| kill.backfilled)?;
        (self.number(kill.origin.boot_id.as_deref())? == boot).then_some(ns)
    }

    /// Takes a kill that is told of.
    pub(crate) fn take_kill(&mut self, kill: &OomKill) {
        let Origin { boot_ns: Some(earliest), time, .. } = kill.origin else { return };
        let is_vague = time.is_none() && kill.source.is_kernel_log();
        let latest = if is_vague { self.latest(kill).unwrap_or(u64::MAX) } else { earliest };
        let ns = latest.max(earliest);
        if let Some(boot) = self.boot_mut(kill.origin.boot_id.as_deref()) {
            boot.kills.push(Counted { ns, earliest, kills: kill.kill_count });
        }
    }

    fn number(&self, id: Option<&str>) -> Option<usize> {
        self.by_id.get(id?).copied()
    }

    fn boot_mut(&mut self, id: Option<&str>) -> Option<&mut Boot> {
        let number = self.number(id)?;
        self.boots.get_mut(number)
    }

    /// The parts of a span that are not accounted for, in order; none if all of it is.
    pub(crate) fn unproven(&self, since: Timestamp, until: Timestamp) -> Vec<Unproven> {
        let mut found = Vec::new();
        let mut at = since;
        let mut before: Option<&Boot> = None;
        for boot in &self.boots {
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
    pub(crate) fn proven(
        &self,
        holes: &[Unproven],
        since: Timestamp,
        until: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, Timestamp)> {
        let mut at = since;
        let ends = holes.iter().map(|hole| (hole.from, hole.until)).chain([(until, until)]);
        let parts = ends.filter_map(|(from, to)| {
            let part = (at, from);
            at = at.max(to);
            (part.0 < part.1).then_some(part)
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().filter(|(from, to)| self.unproven(*from, *to).is_empty())
    }

    /// How many kills are told of in a span, whoever died.
    pub(crate) fn recorded(&self, since: Timestamp, until: Timestamp) -> u64 {
        let kills = |boot: &Boot| {
            let end = boot.points.last().map_or(0, |last| last.ns);
            let within = boot.kills.iter().filter(|kill| {
                let latest = kill.ns.min(end.max(kill.earliest));
                since <= boot.wall(kill.earliest) && boot.wall(latest) <= until
            });
            within.map(|kill| u64::from(kill.kills.unwrap_or(0))).sum::<u64>()
        };
        self.boots.iter().map(kills).sum()
    }
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
