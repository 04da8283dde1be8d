//! Whether it helped.

use super::clock::Clock;
use super::thread::Thread;
use super::{Enricher, source};
use crate::incident::dying::Dying;
use crate::incident::model::{ExitState, FreedBy, OomExit, OomExitType, SCHEMA};
use crate::wire::{self, Freed};

const NS_IN_MS: u64 = 1_000_000;

impl Enricher {
    /// The record of memory that is back.
    #[must_use]
    pub fn freed(&self, freed: &Freed, clock: Clock) -> OomExit {
        let (by, left) = match freed.by {
            wire::FreedBy::Reaper => {
                (FreedBy::Reaper, Some(self.memory(None, freed.rss, freed.pgtables_bytes)))
            }
            wire::FreedBy::Exit => (FreedBy::Exit, None),
        };
        let after = freed.boot_ns.saturating_sub(freed.marked_ns);
        OomExit {
            schema: SCHEMA,
            kind: OomExitType::OomExit,
            incident: self.host.incident(freed.incident),
            origin: self.host.origin(freed.boot_ns, clock),
            source: source(freed.source),
            pid: freed.pid,
            tid: freed.tid,
            comm: freed.comm.clone(),
            state: ExitState::Freed,
            freed_after_ms: Some(after / NS_IN_MS),
            stuck_for_ms: None,
            kill_missing: false,
            by: Some(by),
            left,
        }
    }

    /// The record of a victim that no hook saw give its memory back: it is stuck, or has gone in the
    /// meantime.
    #[must_use]
    pub fn overdue(&self, dying: &Dying, clock: Clock) -> OomExit {
        let now = clock.boot_ns();
        let there = Thread::read(dying.pid, dying.pid);
        // The id may be another process' by now.
        let is_it = |there: Thread| dying.started_ns.is_none_or(|start| there.started_at(start));
        let stuck = there.is_some_and(is_it);
        let stuck_for_ms = now.saturating_sub(dying.marked_ns) / NS_IN_MS;
        OomExit {
            schema: SCHEMA,
            kind: OomExitType::OomExit,
            incident: self.host.incident(dying.incident),
            origin: self.host.origin(now, clock),
            source: source(dying.source),
            pid: dying.pid,
            tid: dying.tid,
            comm: dying.comm.clone(),
            state: if stuck { ExitState::Stuck } else { ExitState::Freed },
            freed_after_ms: None,
            stuck_for_ms: stuck.then_some(stuck_for_ms),
            kill_missing: false,
            by: (!stuck).then_some(FreedBy::Exit),
            left: None,
        }
    }
}
