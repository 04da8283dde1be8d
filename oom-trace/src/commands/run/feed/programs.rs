//! Records of the programs in the kernel, by way of the ring.

use std::io;
use std::time::Duration;

use super::Fed;
use crate::bpf::{Probes, Ring};
use crate::config;
use crate::enrich::Enricher;
use crate::enrich::clock::Clock;
use crate::incident::assemble::{Assembler, Incident};
use crate::incident::dying::Deathbed;
use crate::incident::model::{Record, System};
use crate::incident::record::Freed;
use crate::wire::{Event, decode};

pub(in crate::commands::run) struct Programs {
    probes: Probes,
    ring: Ring,
    assembler: Assembler,
    enricher: Enricher,
    /// How the machine stood when the incident of this id began.
    system: Option<(u64, System)>,
    /// Victims whose memory is not back; `None` where no hook tells when it is.
    deathbed: Option<Deathbed>,
}

impl Programs {
    pub(super) fn new(probes: Probes, ring: Ring, enricher: Enricher, sees_exits: bool) -> Self {
        let (assembler, deathbed) = (Assembler::default(), sees_exits.then(Deathbed::default));
        Self { probes, ring, assembler, enricher, system: None, deathbed }
    }

    pub(super) fn configure(&mut self, config: &config::Run) {
        self.enricher.redactor = config.redactor.clone();
        self.enricher.candidates = config.candidates;
    }

    pub(super) async fn readable(&mut self) -> io::Result<()> {
        self.ring.readable().await
    }

    pub(super) fn drain(&mut self, mut each: impl FnMut(Fed)) {
        while let Some(event) = self.ring.take(decode) {
            match event {
                Ok(Event::NoVictim(incident, names)) => {
                    if let Some(panic) = self.enricher.panic(&incident, &names, Clock::now()) {
                        each(Fed::Record(Record::OomPanic(Box::new(panic))));
                    }
                }
                Ok(Event::Freed(freed)) => {
                    if let Some(freed) = self.assembler.hold(freed) {
                        self.freed(&freed, &mut each);
                    }
                }
                Ok(event) => {
                    // Before anything else: the victim's memory comes back meanwhile.
                    let system = match &event {
                        Event::Incident(start, _) => {
                            let header = &start.header;
                            Some((header.incident, self.enricher.system(header.boot_ns)))
                        }
                        _ => None,
                    };
                    let done = self.assembler.push(event);
                    self.deliver(done, &mut each);
                    self.system = system.or(self.system.take());
                }
                Err(error) => each(Fed::Malformed(format!(
                    "a record of the eBPF program is unreadable: {error}"
                ))),
            }
        }
    }

    fn deliver(&mut self, incident: Option<Incident>, mut each: impl FnMut(Fed)) {
        let Some(incident) = incident else { return };
        let system = self.system.take_if(|(id, _)| *id == incident.id).map(|(_, system)| system);
        for kill in self.enricher.records(&incident, system.as_ref(), Clock::now()) {
            each(Fed::Record(Record::OomKill(Box::new(kill))));
        }
        if let Some(deathbed) = &mut self.deathbed {
            incident.victims.iter().for_each(|victim| deathbed.mark(victim));
        }
        for freed in &incident.freed {
            self.freed(freed, &mut each);
        }
    }

    fn freed(&mut self, freed: &Freed, mut each: impl FnMut(Fed)) {
        if let Some(deathbed) = &mut self.deathbed {
            deathbed.freed(freed);
        }
        let exit = self.enricher.freed(freed, Clock::now());
        each(Fed::Record(Record::OomExit(Box::new(exit))));
    }

    /// How long until a victim will have taken too long to die; `None` if none is dying.
    pub(super) fn until_stuck(&self) -> Option<Duration> {
        let at = self.deathbed.as_ref()?.next_stuck_ns()?;
        Some(Duration::from_nanos(at.saturating_sub(Clock::now().boot_ns())))
    }

    /// Tells of the victims that take too long.
    pub(super) fn stuck(&mut self, mut each: impl FnMut(Fed)) {
        let clock = Clock::now();
        let stuck = self.deathbed.as_mut().map(|deathbed| deathbed.stuck(clock.boot_ns()));
        for dying in stuck.into_iter().flatten() {
            let exit = self.enricher.overdue(&dying, clock);
            each(Fed::Record(Record::OomExit(Box::new(exit))));
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.assembler.is_waiting()
    }

    pub(super) fn flush(&mut self, each: impl FnMut(Fed)) {
        let overdue = self.assembler.flush();
        self.deliver(overdue, each);
    }

    pub(super) fn kills(&self) -> u64 {
        self.probes.counters().kills
    }

    pub(super) fn lost(&self) -> u64 {
        self.probes.counters().ring_lost
    }

    pub(super) fn detach(&mut self) {
        self.probes.detach();
    }
}
