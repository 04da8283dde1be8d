//! From an assembled incident to the public event: the names of things, and what does not die
//! with the victim.

pub mod build;
mod candidates;
pub mod clock;
pub mod command;
mod exit;
pub mod failed;
mod fill;
pub mod host;
mod limit;
mod nodes;
pub mod place;
mod shortage;
pub mod stack;
pub mod system;
pub mod thread;
pub mod users;
mod victim;

use self::build::BuildReader;
use self::clock::Clock;
use self::command::Redactor;
use self::fill::Common;
use self::host::Host;
use self::place::Place;
use self::stack::StackReader;
use self::system::SystemReader;
use self::users::UserReader;
use crate::incident::assemble::{Incident, Logged, Victim};
use crate::incident::model;
use crate::kernel::gfp::GfpNames;
use crate::release::Release;
use crate::text::KernelText;
use crate::{why, wire};

/// Knows the machine.
#[derive(Debug)]
pub struct Enricher {
    /// Where this is.
    pub host: Host,
    /// The kernel's release.
    pub release: Release,
    /// The kernel's names of allocation flags.
    pub gfp_names: GfpNames,
    /// Names the frames of a stack.
    pub stack_reader: StackReader,
    /// Names the build and the machine.
    pub build_reader: BuildReader,
    /// What else was found of the places of the next victims, by their cgroups.
    pub named: Vec<(KernelText, Place)>,
    /// Tells how the machine stands.
    pub system_reader: SystemReader,
    /// Takes secrets out of arguments.
    pub redactor: Redactor,
    /// How many of the tasks that were weighed are told of.
    pub candidates: usize,
    /// Names users.
    pub user_reader: UserReader,
    /// Whether a hook tells which processes share a victim's memory.
    pub sees_sharers: bool,
    /// Bytes of a page.
    pub page_size: u64,
}

impl Enricher {
    /// One for this machine, which has seen nothing yet.
    #[must_use]
    pub fn here(
        host: Host,
        release: Release,
        gfp_names: GfpNames,
        (redactor, candidates): (Redactor, usize),
        sees_sharers: bool,
    ) -> Self {
        Self {
            host,
            gfp_names,
            stack_reader: StackReader::default(),
            build_reader: BuildReader::here(release.version()),
            named: Vec::new(),
            system_reader: SystemReader::here(),
            redactor,
            candidates,
            user_reader: UserReader::default(),
            sees_sharers,
            page_size: rustix::param::page_size() as u64,
            release,
        }
    }

    /// How the machine stands now that the record of a decision made at `boot_ns` is here.
    pub fn system(&mut self, boot_ns: u64) -> model::System {
        let after_ns = Clock::now().boot_ns().saturating_sub(boot_ns);
        self.system_reader.read(Some(after_ns / 1_000_000))
    }

    /// The records of an incident, one for each victim, in order; `system` is how the machine stood
    /// when it began.
    pub fn records(
        &mut self,
        incident: &Incident,
        system: Option<&model::System>,
        clock: Clock,
    ) -> Vec<model::OomKill> {
        let count = u32::try_from(incident.victims.len()).unwrap_or(u32::MAX);
        let start = incident.start.as_deref();
        let frames = start.and_then(|start| self.stack_reader.frames(&start.frames));
        let mut common = Common {
            message: start.and_then(|start| start.message.clone()),
            shortage: self.shortage(start, frames.as_deref()),
            chosen: start.and_then(shortage::chosen),
            candidates: start.and_then(|start| self.candidates(start)),
            census: None,
            system: system.cloned(),
        };
        let described = incident.described.as_deref();
        if let Some(described) = described {
            common.fill(described.clone(), self.candidates, incident.lacks);
        }
        let Common { message, shortage, chosen, candidates, census, system } = common;
        let shortage = model::Shared::from(shortage);
        let candidates = candidates.map(model::Shared::from);
        let census = census.map(model::Shared::from);
        let system = system.map(model::Shared::from);
        let frames = frames.unwrap_or_default();
        let is_orphan = incident.is_orphan();
        let before = u32::try_from(incident.before).unwrap_or(u32::MAX);
        let count = count.saturating_add(before);
        (before.saturating_add(1)..)
            .zip(&incident.victims)
            .map(|(index, victim)| {
                // The stack is that of the first mark only where no hook saw what led to it.
                let shown = if is_orphan { stack::outcome(&frames) } else { None };
                let outcome = outcome(victim).or(shown);
                let mut told = self.victim(victim, outcome, start, clock);
                if let Some(described) = described.filter(|it| it.victim.tid == told.tid) {
                    fill::fill_victim(&mut told, described.victim.clone());
                    told.user = told.uid.and_then(|uid| self.user_reader.name(uid));
                }
                let mut kill = model::OomKill {
                    schema: model::SCHEMA,
                    kind: model::OomKillType::OomKill,
                    incident: self.host.incident(incident.id),
                    origin: self.host.origin(incident.id, clock),
                    source: source(victim.mark.source),
                    outcome,
                    victim_index: index,
                    victim_count: count,
                    kill_count: kill_count(victim, outcome),
                    killed_again: victim.killed_again(),
                    log_us: log_us(victim),
                    backfilled: false,
                    message: message.clone().or(said(victim)),
                    shortage: shortage.clone(),
                    chosen: chosen.clone(),
                    victim: told,
                    group: incident.group.clone(),
                    candidates: candidates.clone(),
                    census: census.clone(),
                    system: system.clone(),
                    why: None,
                    shrunk: incident.lacks.iter().map(|&key| key.into()).collect(),
                };
                kill.why = why::explain(&kill);
                kill
            })
            .collect()
    }

    /// The record of a shortage for which the kernel chose nobody; `None` if it goes on without.
    pub fn panic(&mut self, incident: &wire::Incident, clock: Clock) -> Option<model::OomPanic> {
        let sysctl = self.system_reader.panic_on_oom()?;
        let message = shortage::panic_message(incident, sysctl)?;
        let frames = self.stack_reader.frames(&incident.frames);
        let id = incident.id;
        let mut panic = model::OomPanic {
            schema: model::SCHEMA,
            kind: model::OomPanicType::OomPanic,
            incident: self.host.incident(id),
            origin: self.host.origin(id, clock),
            source: source(incident.source),
            message: message.into(),
            shortage: self.shortage(Some(incident), frames.as_deref()),
            candidates: None,
            census: None,
            system: None,
            why: None,
        };
        panic.why = why::explain_panic(&panic);
        Some(panic)
    }
}

fn source(source: wire::Source) -> model::Source {
    match source {
        wire::Source::Fentry => model::Source::Fentry,
        wire::Source::Tracepoint => model::Source::Tracepoint,
        wire::Source::Kprobe => model::Source::Kprobe,
    }
}

/// As the kernel's log says, or a hook that saw the kill, or the stack of the mark.
fn outcome(victim: &Victim) -> Option<model::Outcome> {
    match (victim.mark.outcome, &victim.logged) {
        (wire::Outcome::Killed, _) | (_, Logged::Killed { .. }) => Some(model::Outcome::Killed),
        (wire::Outcome::AlreadyExiting, Logged::Unknown) | (_, Logged::Never) => {
            Some(model::Outcome::AlreadyExiting)
        }
        (_, Logged::Unknown) => None,
    }
}

/// The kernel's words, where no hook saw the decision.
fn said(victim: &Victim) -> Option<KernelText> {
    match victim.logged {
        Logged::Killed { message, .. } => message.map(Into::into),
        Logged::Never | Logged::Unknown => None,
    }
}

fn log_us(victim: &Victim) -> Option<u64> {
    match victim.logged {
        Logged::Killed { us, .. } => us,
        Logged::Never | Logged::Unknown => None,
    }
}

fn kill_count(victim: &Victim, outcome: Option<model::Outcome>) -> Option<u32> {
    victim.kill_count().or(match outcome {
        Some(model::Outcome::Killed) => Some(1),
        Some(model::Outcome::AlreadyExiting) => Some(0),
        None => None,
    })
}
