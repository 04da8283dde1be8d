//! A shortage in which nobody could be killed.

use super::clock::Clock;
use super::{Enricher, fill, source};
use crate::incident::model::{NO_KILLABLE, OomFailed, OomFailedType, SCHEMA, System};
use crate::why;
use crate::wire::Incident;

/// Shortages with one limit in which nobody could be killed.
#[derive(Debug)]
pub struct Failures {
    /// The first of them.
    pub first: Box<Incident>,
    /// How the machine stood then.
    pub system: Option<System>,
    /// What the kernel's own dump tells of one of them.
    pub described: Option<OomFailed>,
    /// How many there were.
    pub count: u64,
    /// `CLOCK_BOOTTIME` of the last in nanoseconds.
    pub last_ns: u64,
}

impl Enricher {
    /// Their record.
    pub fn failed(&mut self, failures: Failures, clock: Clock) -> OomFailed {
        let Failures { first, system, described, count, last_ns } = failures;
        let frames = self.stack_reader.frames(&first.frames);
        let mut failed = OomFailed {
            schema: SCHEMA,
            kind: OomFailedType::OomFailed,
            incident: self.host.incident(first.id),
            origin: self.host.origin(first.id, clock),
            source: source(first.source),
            message: NO_KILLABLE.into(),
            failures: count,
            lasted_ms: Some(last_ns.saturating_sub(first.id) / 1_000_000),
            shortage: self.shortage(Some(&first), frames.as_deref()),
            candidates: self.candidates(&first),
            census: None,
            system,
            why: None,
        };
        if let Some(described) = described {
            fill::fill_failed(&mut failed, described, self.candidates);
        }
        failed.why = why::explain_failed(&failed);
        failed
    }
}
