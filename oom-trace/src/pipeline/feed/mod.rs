//! Where records come from while the agent runs.

mod failures;
mod log;
mod names;
mod programs;
mod trigger;
mod witness;

use std::io;
use std::time::Duration;

use super::rehearsal::Rehearsal;
use super::source::{Loaded, Source};
use crate::config;
use crate::enrich::Enricher;
use crate::enrich::host::Host;
use crate::incident::model::Record;
use crate::kernel::plan::Plan;
use crate::kernel_log::this_boot::machine;
use log::Log;
use programs::Programs;
use witness::Witness;

/// What a feed brings.
pub(crate) enum Fed {
    /// A record.
    Record(Record),
    /// The record of a kill that no hook saw: the kernel's log tells of it.
    Missed(Record),
    /// One more kill of a victim that was told of.
    Again,
    /// Something that could not be read, and why.
    Malformed(String),
}

/// One of the two.
pub(crate) enum Feed {
    Programs(Box<Programs>),
    Log(Box<Log>),
}

impl Feed {
    /// Must be called within a tokio runtime.
    pub(crate) fn new(
        source: Source,
        host: &Host,
        plan: &Plan,
        config: &config::Run,
    ) -> io::Result<Self> {
        let rehearsal = Rehearsal::new(config, machine(host));
        match source {
            Source::Programs(loaded) => {
                let Loaded { facts, probes, ring, log } = *loaded;
                let enricher = Enricher::here(
                    host.clone(),
                    facts.release.clone(),
                    facts.known.gfp_names,
                    (config.redactor.clone(), config.candidates),
                    !plan.lacks("victim.shares_mm"),
                );
                let sees_exits = !plan.lacks("oom_exit");
                let witness = log.ok().map(|log| Witness::new(log, machine(host)));
                let mut programs =
                    Programs::new(probes, ring, enricher, rehearsal, sees_exits, witness);
                programs.configure(config);
                Ok(Self::Programs(Box::new(programs)))
            }
            Source::Log(device) => {
                Ok(Self::Log(Box::new(Log::new(device, machine(host), rehearsal)?)))
            }
        }
    }

    /// Has all that a record takes on its way in memory.
    pub(crate) fn rehearse(&mut self) {
        match self {
            Self::Programs(programs) => programs.rehearse(),
            Self::Log(log) => log.rehearse(),
        }
    }

    /// What is told of victims, from now on.
    pub(crate) fn configure(&mut self, config: &config::Run) {
        match self {
            Self::Programs(programs) => programs.configure(config),
            Self::Log(_) => {}
        }
    }

    /// What an incident may weigh while it is put together, in bytes.
    pub(crate) fn set_bound(&mut self, bytes: usize) {
        match self {
            Self::Programs(programs) => programs.set_bound(bytes),
            Self::Log(_) => {}
        }
    }

    /// Waits until there is something to read.
    pub(crate) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Self::Programs(programs) => programs.readable().await,
            Self::Log(log) => log.readable().await,
        }
    }

    /// Hands on all there is.
    pub(crate) fn drain(&mut self, each: impl FnMut(Fed)) {
        match self {
            Self::Programs(programs) => programs.drain(each),
            Self::Log(log) => log.drain(each),
        }
    }

    /// Whether something waits for what may never come.
    pub(crate) fn is_waiting(&self) -> bool {
        match self {
            Self::Programs(programs) => programs.is_waiting(),
            Self::Log(log) => log.is_waiting(),
        }
    }

    /// What should have come by now will not.
    pub(crate) fn settle(&mut self, each: impl FnMut(Fed)) {
        match self {
            Self::Programs(programs) => programs.settle(each),
            Self::Log(log) => log.settle(each),
        }
    }

    /// When to look for a line of the kernel's log that is on its way; `None` if there is none.
    pub(crate) fn until_line(&self) -> Option<Duration> {
        match self {
            Self::Programs(programs) => programs.until_line(),
            Self::Log(_) => None,
        }
    }

    /// Looks for it.
    pub(crate) fn look_again(&mut self, each: impl FnMut(Fed)) {
        match self {
            Self::Programs(programs) => programs.look_again(each),
            Self::Log(_) => {}
        }
    }

    /// Hands on what is left, now that the hooks are out.
    pub(crate) fn finish(&mut self, each: impl FnMut(Fed)) {
        match self {
            Self::Programs(programs) => programs.finish(each),
            Self::Log(log) => log.finish(each),
        }
    }

    /// How long until a victim will have taken too long to die; `None` if none is dying, or that
    /// cannot be told.
    pub(crate) fn until_stuck(&self) -> Option<Duration> {
        match self {
            Self::Programs(programs) => programs.until_stuck(),
            Self::Log(_) => None,
        }
    }

    /// Tells of the victims that take too long.
    pub(crate) fn stuck(&mut self, each: impl FnMut(Fed)) {
        match self {
            Self::Programs(programs) => programs.stuck(each),
            Self::Log(_) => {}
        }
    }

    /// Kills that were seen and wait for the end of their incident, or for their record.
    pub(crate) fn open_kills(&self) -> u64 {
        match self {
            Self::Programs(programs) => programs.open_kills(),
            Self::Log(_) => 0,
        }
    }

    /// What the kernel could not hand over.
    pub(crate) fn lost(&self) -> u64 {
        match self {
            Self::Programs(programs) => programs.lost(),
            Self::Log(log) => log.lost(),
        }
    }

    /// Takes the hooks out. What they wrote can still be read.
    pub(crate) fn detach(&mut self) {
        match self {
            Self::Programs(programs) => programs.detach(),
            Self::Log(_) => {}
        }
    }
}
