//! What comes out of the ring, right or wrong, on the whole way of an event.

use std::cell::RefCell;

use fastrand::Rng;
use oom_trace::enrich::Enricher;
use oom_trace::enrich::clock::Clock;
use oom_trace::enrich::command::Redactor;
use oom_trace::enrich::host::Host;
use oom_trace::enrich::system::SystemReader;
use oom_trace::incident::assemble::{Assembler, Incident};
use oom_trace::incident::model::{Record, System};
use oom_trace::kernel::gfp::GfpNames;
use oom_trace::release::Release;
use oom_trace::wire::{Event, decode};

use crate::shown::assert_rendered;

/// Decodes, puts together, enriches and renders.
pub(crate) struct Way {
    enricher: RefCell<Enricher>,
    system: System,
}

/// What became of some records of the ring.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Marks that could be decoded.
    pub(crate) marks: usize,
    /// Records of kills that were made of them.
    pub(crate) kills: usize,
}

impl Way {
    pub(crate) fn here() -> Self {
        let release = Release::new("6.12.0");
        let gfp_names = GfpNames::new(release.version(), |_| None);
        let redactor = Redactor { tells: true, usual: true, patterns: Vec::new() };
        let host = Host::here().unwrap();
        let enricher = Enricher::here(host, release, gfp_names, (redactor, 16), true);
        let system = SystemReader::here().read(Some(1));
        Self { enricher: RefCell::new(enricher), system }
    }

    /// Goes it with these bytes; what comes out can be read again, and hurts nobody's terminal.
    pub(crate) fn go(&self, rng: &mut Rng, ring: &[Vec<u8>]) -> Told {
        let bound = if rng.bool() { usize::MAX } else { rng.usize(..64 << 10) };
        let mut assembler = Assembler::new(bound);
        let mut told = Told::default();
        for event in ring.iter().filter_map(|bytes| decode(bytes).ok()) {
            match event {
                Event::NoVictim(mut incident) => {
                    let mut enricher = self.enricher.borrow_mut();
                    enricher.stack_reader.complete(&mut incident.frames);
                    let panic = enricher.panic(&incident, Clock::now());
                    if let Some(panic) = panic {
                        assert_rendered(&Record::OomPanic(Box::new(panic)));
                    }
                }
                Event::Freed(freed) => {
                    let exit = assembler
                        .hold(*freed)
                        .map(|freed| self.enricher.borrow().freed(&freed, Clock::now()));
                    if let Some(exit) = exit {
                        assert_rendered(&Record::OomExit(Box::new(exit)));
                    }
                }
                event => {
                    told.marks += usize::from(matches!(event, Event::Victim(..)));
                    let done = assembler.push(event);
                    told.kills += done.map_or(0, |done| self.tell(rng, &done));
                }
            }
        }
        told.kills += assembler.give_up(rng.bool()).map_or(0, |done| self.tell(rng, &done));
        told
    }

    fn tell(&self, rng: &mut Rng, done: &Incident) -> usize {
        let system = rng.bool().then_some(&self.system);
        let kills = self.enricher.borrow_mut().records(done, system, Clock::now());
        let count = kills.len();
        assert_eq!(count, done.victims.len());
        kills.into_iter().for_each(|kill| assert_rendered(&Record::OomKill(Box::new(kill))));
        count
    }
}
