//! Walks the path of an event once with an incident that never was.
//!
//! Memory is locked as it is first used. After this the code and the heap that a record takes on the
//! agent's own thread are resident, so that the first real one, which comes when memory is short,
//! asks the kernel for none.

mod dump;
mod events;

use std::hint::black_box;
use std::io;

pub(super) use self::dump::messages;
use crate::config;
use crate::enrich::Enricher;
use crate::enrich::clock::Clock;
use crate::enrich::failed::Failures;
use crate::incident::assemble::{Assembler, Incident};
use crate::incident::dying::Deathbed;
use crate::incident::model::Record;
use crate::kernel_log::Machine;
use crate::render::{Format, Style, render};
use crate::sink::FilterState;
use crate::wire::{Event, decode};

/// What is walked for: the outputs there are, on this machine.
pub(super) struct Rehearsal {
    machine: Machine,
    outputs: Vec<(Option<Format>, Style, FilterState)>,
}

impl Rehearsal {
    pub(super) fn new(config: &config::Run, machine: Machine) -> Self {
        let console = config.console.as_ref();
        let console = console.map(|it| (Some(it.format), it.style, it.filter.clone()));
        let sinks = config.sinks.iter().map(|spec| {
            let sink = spec.destination();
            (sink.format(), Style::default(), sink.choice().filter)
        });
        let outputs = console.into_iter().chain(sinks);
        let outputs =
            outputs.map(|(format, style, filter)| (format, style, FilterState::new(filter)));
        Self { machine, outputs: outputs.collect() }
    }

    /// Walks it: the bytes of every kind of record are decoded, put together, enriched, filtered for
    /// each output and written in its format, into memory. `look_up` has what [`messages`] tell of an
    /// incident.
    pub(super) fn walk(mut self, enricher: &mut Enricher, look_up: impl FnMut(&mut Incident)) {
        let mut out = Vec::new();
        walk(enricher, look_up, |record| self.output(record, &mut out));
    }

    /// The same where the kernel's log is all there is.
    pub(super) fn walk_log(mut self) {
        let mut out = Vec::new();
        dump::records(&self.machine).iter().for_each(|record| self.output(record, &mut out));
        // A read that finds no more, which tokio leaves out until there was something.
        black_box(io::Error::last_os_error());
    }

    fn output(&mut self, record: &Record, out: &mut Vec<u8>) {
        // What it takes while it waits.
        black_box(record.weight());
        for (format, style, filter) in &mut self.outputs {
            // What it takes and what not: both are of use.
            let _ = filter.takes(record);
            if let Some(format) = *format {
                write(record, format, *style, out);
            }
        }
        // As the store and those that have a form of their own have it.
        write(record, Format::Json, Style::default(), out);
    }
}

fn write(record: &Record, format: Format, style: Style, out: &mut Vec<u8>) {
    out.clear();
    // Into memory: it cannot fail, and nobody reads it.
    let _ = render(record, format, style, out);
}

fn walk(
    enricher: &mut Enricher,
    mut look_up: impl FnMut(&mut Incident),
    mut each: impl FnMut(&Record),
) {
    let (mut assembler, mut deathbed) = (Assembler::new(usize::MAX), Deathbed::default());
    let clock = Clock::now();
    let system = enricher.system(clock.boot_ns());
    for event in events::all().iter().filter_map(|bytes| decode(bytes).ok()) {
        match event {
            Event::NoVictim(mut incident) => {
                enricher.stack_reader.complete(&mut incident.frames);
                let panic = enricher.panic(&incident, clock);
                panic.map(|panic| Record::OomPanic(Box::new(panic))).iter().for_each(&mut each);
                let (system, last_ns) = (Some(system.clone()), incident.id);
                let failures =
                    Failures { first: incident, system, described: None, count: 1, last_ns };
                each(&Record::OomFailed(Box::new(enricher.failed(failures, clock))));
            }
            Event::Freed(freed) => {
                if let Some(freed) = assembler.hold(*freed)
                    && deathbed.freed(&freed)
                {
                    each(&Record::OomExit(Box::new(enricher.freed(&freed, clock))));
                }
            }
            event => {
                if let Some(mut done) = assembler.push(event) {
                    look_up(&mut done);
                    done.victims.iter().for_each(|victim| deathbed.mark(victim));
                    for kill in enricher.records(&done, Some(&system), clock) {
                        each(&Record::OomKill(Box::new(kill)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
