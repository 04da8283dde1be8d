//! Whether it helped.

use super::clock::Clock;
use super::thread::Thread;
use super::{Enricher, source, text};
use crate::incident::dying::Dying;
use crate::incident::model::{ExitState, FreedBy, Memory, OomExit, OomExitType, SCHEMA};
use crate::incident::record::{Freed, by, freed_field as field, rss};

const NS_IN_MS: u64 = 1_000_000;

impl Enricher {
    /// The record of memory that is back.
    #[must_use]
    pub fn freed(&self, freed: &Freed, clock: Clock) -> OomExit {
        let has = |bit| freed.header.present & bit != 0;
        let (by, left) = match freed.by {
            by::REAPER => (FreedBy::Reaper, Some(self.left(freed))),
            _ => (FreedBy::Exit, None),
        };
        let after = freed.header.boot_ns.saturating_sub(freed.marked_ns);
        OomExit {
            schema: SCHEMA,
            kind: OomExitType::OomExit,
            incident: self.host.incident(freed.header.incident),
            origin: self.host.origin(freed.header.boot_ns, clock),
            source: source(freed.header.source),
            pid: freed.pid,
            tid: freed.tid,
            comm: has(field::COMM).then(|| text(&freed.comm)),
            state: ExitState::Freed,
            freed_after_ms: Some(after / NS_IN_MS),
            stuck_for_ms: None,
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
            comm: Some(text(&dying.comm)),
            state: if stuck { ExitState::Stuck } else { ExitState::Freed },
            freed_after_ms: None,
            stuck_for_ms: stuck.then_some(stuck_for_ms),
            by: (!stuck).then_some(FreedBy::Exit),
            left: None,
        }
    }

    fn left(&self, freed: &Freed) -> Memory {
        let counter = |place: usize| {
            let present = freed.header.present & (field::RSS << place) != 0;
            let pages = freed.rss.get(place).filter(|_| present)?;
            Some(u64::try_from(*pages).unwrap_or(0).saturating_mul(self.page_size))
        };
        let pgtables = freed.header.present & field::PGTABLES_BYTES != 0;
        Memory {
            total_vm_bytes: None,
            anon_rss_bytes: counter(rss::ANON),
            file_rss_bytes: counter(rss::FILE),
            shmem_rss_bytes: counter(rss::SHMEM),
            swap_bytes: counter(rss::SWAP),
            pgtables_bytes: pgtables.then_some(freed.pgtables_bytes),
        }
    }
}
