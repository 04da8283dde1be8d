//! The kernel's log, read beside the hooks: the second witness of each kill.
//!
//! The line `Killed process …` is rate-limited by nobody and stands in the log before
//! `oom_kill_process` returns (`__oom_kill_process`, mm/oom_kill.c). So it says whether a mark was a
//! kill, names it by a stamp that whoever reads the log later finds again, and tells of kills that no
//! hook saw. The dump before it, where the kernel wrote one, tells what no hook reads.

mod dump;
mod lines;
mod told;

use std::mem;
use std::time::{Duration, Instant};

use self::lines::{Known, Line, Lines, MOST, signed, signed_ns};
use crate::enrich::clock::Clock;
use crate::incident::assemble::{Incident, Logged};
use crate::incident::model::{OomFailed, OomKill, Record};
use crate::kernel_log::Machine;
use crate::kernel_log::device::{Device, Taken};
use crate::kernel_log::log_clock::suspended;
use crate::kernel_log::reader::Kmsg;
use crate::wire::Outcome;

/// How long one that writes to the ring on another processor, and is held up there, may keep what
/// comes after it from being read.
const BEHIND_OTHERS: Duration = Duration::from_secs(1);

/// The log since the agent's account began.
pub(super) struct Witness {
    device: Device,
    machine: Machine,
    lines: Lines,
    /// What dumps may weigh that wait for their kill, in bytes.
    bound: usize,
    /// Messages were overwritten before they were read.
    lost: bool,
    /// An incident that is told in parts, and what its dump tells, which came with the first.
    parted: Option<(u64, Box<OomKill>)>,
}

/// A kill that the log tells of and no hook.
pub(super) enum Missed {
    /// What the line says.
    Kill(Record),
    /// One more kill of a victim that was told of.
    Again,
}

impl Witness {
    pub(super) fn new(device: Device, machine: Machine) -> Self {
        let lines = Lines::default();
        Self { device, machine, lines, bound: dump::MOST, lost: false, parted: None }
    }

    /// Where less may be held than dumps usually weigh.
    pub(super) fn set_bound(&mut self, bytes: usize) {
        self.bound = bytes.min(dump::MOST);
    }

    /// Reads what was written since, as far as there is room.
    pub(super) fn read(&mut self) {
        let read = Instant::now();
        while self.lines.new.len() < MOST {
            match self.device.take() {
                Ok(Some(Taken::Record(message, lost))) => {
                    if lost > 0 {
                        self.lost = true;
                        self.lines.dumps.lose();
                    }
                    self.lines.add(message, read, self.bound);
                }
                Ok(Some(Taken::Unreadable(_))) => {}
                Ok(None) => return,
                Err(_) => {
                    self.lost = true;
                    return;
                }
            }
        }
    }

    /// Finds the lines of an incident's victims; whether all is known that the log will say of them.
    /// What it says of kills before them that no hook saw is put into `missed`.
    pub(super) fn look_up(&mut self, incident: &mut Incident, missed: &mut Vec<Missed>) -> bool {
        self.read();
        while self.lines.new.len() == MOST {
            // The ring and the log have one order: what is before this incident comes no more.
            let old = self.lines.before(signed(incident.id), signed_ns(suspended()));
            if old.is_empty() {
                break;
            }
            self.tell(old, missed);
            self.read();
        }
        self.find(incident)
    }

    /// The same in what was read.
    fn find(&mut self, incident: &mut Incident) -> bool {
        // The kill of an orphan may be under way still.
        let is_written = incident.is_complete && !incident.is_orphan();
        let slept = signed_ns(suspended());
        let (mut is_settled, mut described) = (true, None);
        for victim in incident.victims.iter_mut().filter(|it| it.logged == Logged::Unknown) {
            // All lines of a process at once, or what there is in the end.
            if is_written || self.lines.has_all(victim, slept) {
                let (logged, line) = self.lines.look_up(victim.marks(), slept);
                victim.logged = logged;
                described = described.or(line.filter(|line| told::is_news(line, victim)));
            }
            if victim.logged == Logged::Unknown {
                // Nobody is to be killed, or the line may have been overwritten: none will come. Else,
                // though it is written, it may be behind one that is being written on another
                // processor.
                is_settled &=
                    (is_written && self.lost) || victim.mark.outcome == Outcome::AlreadyExiting;
            }
        }
        self.describe(incident, described.as_ref());
        if is_settled {
            self.lines.give_up(&incident.victims);
        }
        is_settled
    }

    /// Looks an incident that never was up in these messages, and forgets both.
    pub(super) fn rehearse(
        &mut self,
        incident: &mut Incident,
        messages: impl Iterator<Item = Kmsg>,
    ) {
        let (lines, parted) = (mem::take(&mut self.lines), self.parted.take());
        messages.for_each(|message| self.lines.add(message, Instant::now(), self.bound));
        self.find(incident);
        (self.lines, self.parted) = (lines, parted);
    }

    /// Adds what the dump tells that ends with this line.
    fn describe(&mut self, incident: &mut Incident, line: Option<&Line>) {
        if let Some(line) = line {
            let told = told::kill(line, &self.machine, incident.trigger());
            incident.described = incident.described.take().or(told);
        }
        self.parted.take_if(|(id, _)| *id != incident.id);
        match (&mut incident.described, &self.parted) {
            (Some(told), _) if !incident.is_complete => {
                self.parted = Some((incident.id, told.clone()));
            }
            (none @ None, Some((_, told))) => *none = Some(told.clone()),
            _ => {}
        }
        if incident.is_complete {
            self.parted = None;
        }
    }

    /// What the log tells of a shortage in which nobody could be killed, of this thread; `None` if it
    /// has not yet told.
    pub(super) fn failed(&mut self, tid: u32) -> Option<OomFailed> {
        self.read();
        let dump = self.lines.dumps.failed()?;
        told::failed(&dump, &self.machine, tid)
    }

    /// Lets go of what was kept for [`Self::failed`].
    pub(super) fn forget(&mut self) {
        self.lines.dumps.forget();
    }

    /// No line will come for those that have none.
    pub(super) fn settle(&mut self, incident: &mut Incident) {
        let (slept, mut described) = (signed_ns(suspended()), None);
        for victim in incident.victims.iter_mut().filter(|it| it.logged == Logged::Unknown) {
            let (logged, line) = self.lines.look_up(victim.marks(), slept);
            victim.logged = logged;
            described = described.or(line.filter(|line| told::is_news(line, victim)));
            if victim.logged == Logged::Unknown && !self.lost {
                victim.logged = Logged::Never;
            }
        }
        self.describe(incident, described.as_ref());
        self.lines.give_up(&incident.victims);
    }

    /// Takes out the lines whose marks no hook saw: those that were read well before the ring was read
    /// last, as a mark is in the ring before its line is written; at the end all of them (`None`).
    pub(super) fn missed(&mut self, ring_read: Option<Instant>) -> Vec<Missed> {
        let mut missed = Vec::new();
        loop {
            self.read();
            let read_before = ring_read.map(|read| read.checked_sub(BEHIND_OTHERS).unwrap_or(read));
            let old = self.lines.old(read_before);
            if old.is_empty() {
                return missed;
            }
            self.tell(old, &mut missed);
        }
    }

    fn tell(&mut self, old: Vec<Line>, missed: &mut Vec<Missed>) {
        let slept = signed_ns(suspended());
        let clock = Clock::now();
        for line in old {
            match self.lines.known(&line, slept) {
                Some(Known::Again) => missed.push(Missed::Again),
                Some(Known::Told) => {}
                None => {
                    missed.extend(self.record(&line, clock, slept).into_iter().map(Missed::Kill));
                }
            }
        }
    }

    fn record(&self, line: &Line, clock: Clock, slept: i64) -> Vec<Record> {
        let ahead = self.lines.ahead(slept);
        let time = |boot_ns| clock.wall(u64::try_from(signed(boot_ns) + ahead).unwrap_or(0));
        told::records(line, &self.machine, |boot_ns| Some(time(boot_ns)))
    }

    /// How many lines there are that no mark has been found for.
    pub(super) fn waiting(&self) -> usize {
        self.lines.new.len()
    }
}

#[cfg(test)]
mod tests;
