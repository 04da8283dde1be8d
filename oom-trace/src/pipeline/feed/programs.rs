//! Records of the programs in the kernel, by way of the ring.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use super::Fed;
use super::failures::Ongoing;
use super::names::{Coming, Named, Names};
use super::trigger::Trigger;
use super::witness::{Missed, Witness};
use crate::bpf::{Probes, Ring};
use crate::config;
use crate::enrich::Enricher;
use crate::enrich::clock::Clock;
use crate::enrich::failed::Failures;
use crate::enrich::thread::Thread;
use crate::incident::assemble::{Assembler, Incident};
use crate::incident::dying::Deathbed;
use crate::incident::model::{ExitState, Record, System};
use crate::pipeline::rehearsal::{Rehearsal, messages};
use crate::wire::{Event, Freed, decode};

/// How long the kernel may take from a mark to the line of the kill.
const LINE_WITHIN: Duration = Duration::from_secs(1);

/// How long the log is left alone before it is looked at again for a line that is on its way.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) struct Programs {
    probes: Probes,
    ring: Ring,
    assembler: Assembler,
    enricher: Enricher,
    /// `None` once it is over.
    rehearsal: Option<Rehearsal>,
    /// How the machine stood when the incident of this id began.
    system: Option<(u64, System)>,
    /// Victims whose memory is not back; `None` where no hook tells when it is.
    deathbed: Option<Deathbed>,
    /// `None` where the kernel's log cannot be read.
    witness: Option<Witness>,
    trigger: Trigger,
    names: Names,
    held: VecDeque<Held>,
    /// Shortages in which nobody could be killed.
    ongoing: Ongoing,
    /// Records that the ring had lost when the open incident was last looked at.
    lost: u64,
}

/// An incident whose lines in the kernel's log, or whose containers' names, are on their way.
struct Held {
    incident: Incident,
    system: Option<System>,
    /// Whether the log has said what it will.
    is_settled: bool,
    coming: Option<Coming>,
    named: Named,
    since: Instant,
}

impl From<Missed> for Fed {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Kill(record) => Self::Missed(record),
            Missed::Again => Self::Again,
        }
    }
}

impl Programs {
    pub(super) fn new(
        probes: Probes,
        ring: Ring,
        enricher: Enricher,
        rehearsal: Rehearsal,
        sees_exits: bool,
        witness: Option<Witness>,
    ) -> Self {
        Self {
            probes,
            ring,
            assembler: Assembler::new(usize::MAX),
            enricher,
            rehearsal: Some(rehearsal),
            system: None,
            deathbed: sees_exits.then(Deathbed::default),
            witness,
            trigger: Trigger::default(),
            names: Names::new(true),
            held: VecDeque::new(),
            ongoing: Ongoing::default(),
            lost: 0,
        }
    }

    pub(super) fn rehearse(&mut self) {
        if let Some(rehearsal) = self.rehearsal.take() {
            rehearsal.walk(&mut self.enricher, |incident| {
                if let Some(witness) = &mut self.witness {
                    witness.rehearse(incident, messages());
                }
                black_box(self.names.asked(incident));
            });
        }
    }

    pub(super) fn configure(&mut self, config: &config::Run) {
        self.enricher.redactor = config.redactor.clone();
        self.enricher.candidates = config.candidates;
        self.names.enabled = config.names;
    }

    pub(super) async fn readable(&mut self) -> io::Result<()> {
        self.ring.readable().await
    }

    pub(super) fn drain(&mut self, mut each: impl FnMut(Fed)) {
        while let Some(event) = self.ring.take(decode) {
            match event {
                Ok(Event::NoVictim(mut incident)) => {
                    self.enricher.stack_reader.complete(&mut incident.frames);
                    match self.enricher.panic(&incident, Clock::now()) {
                        Some(panic) => each(Fed::Record(Record::OomPanic(Box::new(panic)))),
                        None => {
                            let boot_ns = incident.boot_ns;
                            self.ongoing.add(incident, || self.enricher.system(boot_ns));
                        }
                    }
                }
                Ok(Event::Freed(freed)) => {
                    if let Some(freed) = self.assembler.hold(*freed).and_then(|it| self.hold(it)) {
                        self.freed(&freed, &mut each);
                    }
                }
                Ok(mut event) => {
                    // Before anything else: the victim's memory comes back meanwhile.
                    let system = match &mut event {
                        Event::Incident(start) => {
                            let system = self.enricher.system(start.boot_ns);
                            self.enricher.stack_reader.complete(&mut start.frames);
                            Some((start.id, system))
                        }
                        _ => None,
                    };
                    if let Some(done) = self.assembler.push(event) {
                        self.done(done, &mut each);
                    }
                    self.system = system.or(self.system.take());
                }
                Err(error) => each(Fed::Malformed(format!(
                    "a record of the eBPF program is unreadable: {error}"
                ))),
            }
        }
        self.look_again(each);
    }

    /// Delivers an incident, as soon as the log has what it will say of it.
    fn done(&mut self, mut incident: Incident, mut each: impl FnMut(Fed)) {
        let system = self.system.as_ref().filter(|(id, _)| *id == incident.id);
        let system = system.map(|(_, system)| system.clone());
        let mut missed = Vec::new();
        let is_settled =
            self.witness.as_mut().is_none_or(|witness| witness.look_up(&mut incident, &mut missed));
        missed.into_iter().map(Fed::from).for_each(&mut each);
        let coming = self.names.ask(&incident);
        let (named, since) = (Named::new(), Instant::now());
        self.held.push_back(Held { incident, system, is_settled, coming, named, since });
        // Those before it are told first: their lines are there by now, as its own is.
        if is_settled {
            self.look_at_held(each);
        }
    }

    /// Tells of shortages in which nobody could be killed, as far as that is due.
    fn failures(&mut self, mut each: impl FnMut(Fed)) {
        if self.ongoing.is_quiet() {
            if let Some(witness) = &mut self.witness {
                witness.forget();
            }
            return;
        }
        let clock = Clock::now();
        // In any case: each of them writes much to the log, which would be overwritten.
        if let Some(witness) = &mut self.witness {
            witness.read();
        }
        let due = self.ongoing.due(clock.boot_ns(), |tid| self.witness.as_mut()?.failed(tid));
        self.tell_failures(due, clock, &mut each);
    }

    fn tell_failures(&mut self, failures: Vec<Failures>, clock: Clock, mut each: impl FnMut(Fed)) {
        for mut failures in failures {
            let boot_ns = failures.first.boot_ns;
            failures.system.get_or_insert_with(|| self.enricher.system(boot_ns));
            let failed = self.enricher.failed(failures, clock);
            each(Fed::Record(Record::OomFailed(Box::new(failed))));
        }
    }

    /// Looks again for what was not yet there.
    pub(super) fn look_again(&mut self, mut each: impl FnMut(Fed)) {
        self.failures(&mut each);
        self.look_at_held(each);
    }

    /// Delivers those that are held, as far as all that is awaited of them is there.
    fn look_at_held(&mut self, mut each: impl FnMut(Fed)) {
        let mut missed = Vec::new();
        for _ in 0..self.held.len() {
            let Some(mut held) = self.held.pop_front() else { return };
            let is_over = held.since.elapsed() >= LINE_WITHIN;
            held.is_settled = held.is_settled
                || self.witness.as_mut().is_none_or(|witness| {
                    let is_settled = witness.look_up(&mut held.incident, &mut missed);
                    // Once: what is told without a line is remembered for each time.
                    if is_over && !is_settled {
                        witness.settle(&mut held.incident);
                    }
                    is_settled || is_over
                });
            if let Some(named) = held.coming.as_ref().and_then(Coming::arrived) {
                (held.coming, held.named) = (None, named);
            }
            if held.is_settled && (held.coming.is_none() || is_over) {
                let Held { incident, system, named, .. } = held;
                self.deliver(&incident, system.as_ref(), named, &mut each);
            } else {
                self.held.push_back(held);
            }
        }
        missed.into_iter().map(Fed::from).for_each(each);
    }

    /// Keeps the end of a victim until its kill is told.
    fn hold(&mut self, freed: Freed) -> Option<Freed> {
        let id = freed.incident;
        match self.held.iter_mut().find(|held| held.incident.id == id) {
            Some(held) => {
                held.incident.freed.push(freed);
                None
            }
            None => Some(freed),
        }
    }

    fn deliver(
        &mut self,
        incident: &Incident,
        system: Option<&System>,
        named: Named,
        mut each: impl FnMut(Fed),
    ) {
        self.enricher.named = named;
        for kill in self.enricher.records(incident, system, Clock::now()) {
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
        let is_new = self.deathbed.as_mut().is_none_or(|deathbed| deathbed.freed(freed));
        if !is_new {
            return;
        }
        let exit = self.enricher.freed(freed, Clock::now());
        each(Fed::Record(Record::OomExit(Box::new(exit))));
    }

    /// How long until a victim will have taken too long to die, or a shortage has gone on for so long
    /// that it is told of again; `None` if there is neither.
    pub(super) fn until_stuck(&self) -> Option<Duration> {
        let dying = self.deathbed.as_ref().and_then(Deathbed::next_stuck_ns);
        if dying.is_none() && self.ongoing.is_quiet() {
            return None;
        }
        let now = Clock::now().boot_ns();
        let stuck = dying.map(|at| Duration::from_nanos(at.saturating_sub(now)));
        stuck.into_iter().chain(self.ongoing.until_due(now)).min()
    }

    /// Tells of the victims that take too long, and of shortages that go on.
    pub(super) fn stuck(&mut self, mut each: impl FnMut(Fed)) {
        self.failures(&mut each);
        let clock = Clock::now();
        let stuck = self.deathbed.as_mut().map(|deathbed| deathbed.stuck(clock.boot_ns()));
        // Elsewhere nobody can tell one that is stuck from one that is gone. A hook may see its end yet.
        for dying in stuck.into_iter().flatten().filter(|_| Thread::is_named_by_kernel()) {
            let exit = self.enricher.overdue(&dying, clock);
            if let Some(deathbed) =
                self.deathbed.as_mut().filter(|_| exit.state == ExitState::Freed)
            {
                deathbed.gone(&dying);
            }
            each(Fed::Record(Record::OomExit(Box::new(exit))));
        }
    }

    /// Whether something waits for what may never come: the end of an incident, or the record of a
    /// line of the log.
    pub(super) fn is_waiting(&self) -> bool {
        self.assembler.waiting().is_some() || self.lines() > 0
    }

    /// When to look at the log again; `None` if nothing is held.
    pub(super) fn until_line(&self) -> Option<Duration> {
        let is_waiting = !self.held.is_empty()
            || !self.ongoing.is_quiet() && self.ongoing.is_waiting(Clock::now().boot_ns());
        is_waiting.then_some(LOOK_AGAIN)
    }

    /// What should have come by now will not: an incident whose task has left it has ended, and what
    /// the log tells of and the ring does not no hook saw.
    pub(super) fn settle(&mut self, mut each: impl FnMut(Fed)) {
        // Asked before the ring is read: what that task wrote is in it.
        let left = self.has_left();
        let drained = Instant::now();
        self.drain(&mut each);
        if left.is_some() && left == self.assembler.waiting().map(|open| open.id) {
            self.give_up(true, &mut each);
        }
        if self.assembler.waiting().is_none() && self.held.is_empty() {
            self.missed(Some(drained), each);
        } else if let Some(witness) = &mut self.witness {
            witness.read();
        }
    }

    /// The incident whose end will not come.
    fn has_left(&mut self) -> Option<u64> {
        let lost = self.lost();
        let has_lost = std::mem::replace(&mut self.lost, lost) != lost;
        let waiting = self.assembler.waiting()?;
        // Without its start nobody knows whose it is, and its end may have been lost as well.
        let may_be_lost = has_lost && waiting.trigger().is_none();
        (may_be_lost || self.trigger.has_left(waiting)).then_some(waiting.id)
    }

    fn give_up(&mut self, is_complete: bool, each: impl FnMut(Fed)) {
        if let Some(incident) = self.assembler.give_up(is_complete) {
            self.done(incident, each);
        }
    }

    /// Tells of all there is: the hooks are out.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Fed)) {
        self.drain(&mut each);
        self.give_up(false, &mut each);
        while !self.held.is_empty() {
            std::thread::sleep(LOOK_AGAIN);
            self.look_again(&mut each);
        }
        let rest = self.ongoing.finish();
        self.tell_failures(rest, Clock::now(), &mut each);
        self.missed(None, each);
    }

    fn missed(&mut self, ring_read: Option<Instant>, each: impl FnMut(Fed)) {
        let missed = self.witness.as_mut().map(|witness| witness.missed(ring_read));
        missed.into_iter().flatten().map(Fed::from).for_each(each);
    }

    /// What the open incident may weigh, in bytes.
    pub(super) fn set_bound(&mut self, bytes: usize) {
        self.assembler.set_bound(bytes);
        if let Some(witness) = &mut self.witness {
            witness.set_bound(bytes / 4);
        }
    }

    pub(super) fn open_kills(&self) -> u64 {
        let open = self.assembler.waiting().into_iter();
        let incidents = open.chain(self.held.iter().map(|held| &held.incident));
        let marks = incidents.flat_map(|incident| &incident.victims).map(|it| it.marks().count());
        // A line may be of one of those marks, which the next look finds; or a kill that is yet to be
        // told from it.
        (marks.sum::<usize>() + self.lines()) as u64
    }

    /// Lines of the kernel's log that are on their way into a record.
    fn lines(&self) -> usize {
        self.witness.as_ref().map_or(0, Witness::waiting)
    }

    pub(super) fn lost(&self) -> u64 {
        self.probes.counters().ring_lost
    }

    pub(super) fn detach(&mut self) {
        self.probes.detach();
    }
}
