//! The kernel's log, read beside the hooks: the second witness of each kill.
//!
//! The line `Killed process …` is rate-limited by nobody and stands in the log before
//! `oom_kill_process` returns (`__oom_kill_process`, mm/oom_kill.c). So it says whether a mark was a
//! kill, names it by a stamp that whoever reads the log later finds again, and tells of kills that no
//! hook saw.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::enrich::clock::Clock;
use crate::incident::assemble::{Incident, Logged, Victim};
use crate::incident::model::{KilledAgain, Record};
use crate::kernel_log::device::{Device, Taken};
use crate::kernel_log::reader::Kmsg;
use crate::kernel_log::this_boot::suspended;
use crate::kernel_log::{Entry, Machine, Parser, Stamp, killed};
use crate::wire::Outcome;

/// Lines that are kept; the kernel keeps the rest until there is room.
const MOST: usize = 2048;

/// By how much a line's stamp may seem to be before its mark: the two clocks are read one after the
/// other, but drift apart between two matches.
const BEFORE_NS: i64 = 2_000_000_000;

/// By how much it may be after it: the task may be throttled in between.
const AFTER_NS: i64 = 60_000_000_000;

/// The same of a kill that was told without its line.
const LONG_AFTER_NS: i64 = 600_000_000_000;

/// As above, while nothing is known yet of how the log's clock stands to the other.
const AT_FIRST_NS: i64 = 10_000_000_000;

/// How long one that writes to the ring on another processor, and is held up there, may keep what
/// comes after it from being read.
const BEHIND_OTHERS: Duration = Duration::from_secs(1);

/// The log since the agent's account began.
pub(super) struct Witness {
    device: Device,
    machine: Machine,
    lines: Lines,
    /// Messages were overwritten before they were read.
    lost: bool,
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
        Self { device, machine, lines: Lines::default(), lost: false }
    }

    /// Reads what was written since, as far as there is room.
    pub(super) fn read(&mut self) {
        let read = Instant::now();
        while self.lines.new.len() < MOST {
            match self.device.take() {
                Ok(Some(Taken::Record(message, lost))) => {
                    self.lost |= lost > 0;
                    self.lines.add(message, read);
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
        // The kill of an orphan may be under way still.
        let is_written = incident.is_complete && !incident.is_orphan();
        let slept = signed_ns(suspended());
        let mut is_settled = true;
        for victim in incident.victims.iter_mut().filter(|it| it.logged == Logged::Unknown) {
            // All lines of a process at once, or what there is in the end.
            if is_written || self.lines.has_all(victim, slept) {
                victim.logged = self.lines.look_up(victim.marks(), slept);
            }
            if victim.logged == Logged::Unknown {
                // Nobody is to be killed, or the line may have been overwritten: none will come. Else,
                // though it is written, it may be behind one that is being written on another
                // processor.
                is_settled &=
                    (is_written && self.lost) || victim.mark.outcome == Outcome::AlreadyExiting;
            }
        }
        if is_settled {
            self.lines.give_up(&incident.victims);
        }
        is_settled
    }

    /// No line will come for those that have none.
    pub(super) fn settle(&mut self, incident: &mut Incident) {
        let slept = signed_ns(suspended());
        for victim in incident.victims.iter_mut().filter(|it| it.logged == Logged::Unknown) {
            victim.logged = self.lines.look_up(victim.marks(), slept);
            if victim.logged == Logged::Unknown && !self.lost {
                victim.logged = Logged::Never;
            }
        }
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
        let Some(entry) = line.message.entry() else { return Vec::new() };
        let boot_ns = u64::try_from(line.stamp_ns + self.lines.ahead(slept)).unwrap_or(0);
        let stamp = Stamp { time: Some(clock.wall(boot_ns)), ..entry.stamp };
        let mut parser = Parser::new(self.machine.clone());
        let mut records = parser.push(&Entry { stamp, ..entry });
        records.extend(parser.flush());
        records
    }

    /// How many lines there are that no mark has been found for.
    pub(super) fn waiting(&self) -> usize {
        self.lines.new.len()
    }
}

/// The log's lines of kills.
#[derive(Default)]
struct Lines {
    /// Those that no mark has been found for, oldest first.
    new: VecDeque<Line>,
    /// Thread and stamp of those that one was found for, oldest first.
    found: VecDeque<(u32, i64)>,
    /// Thread and moment of kills that were told without a line, oldest first.
    unlogged: VecDeque<(u32, i64)>,
    /// By how much `CLOCK_BOOTTIME` was ahead of the log's clock when one was found last, and how
    /// long the machine had been suspended by then.
    measured: Option<(i64, i64)>,
}

struct Line {
    tid: u32,
    /// The kernel's words before `: Killed process`.
    words: Option<&'static str>,
    stamp_ns: i64,
    message: Kmsg,
    read: Instant,
}

impl Lines {
    fn add(&mut self, message: Kmsg, read: Instant) {
        let Some(entry) = message.entry() else { return };
        let (Some((tid, words)), Some(stamp)) = (killed(&entry), entry.stamp.boot_ns) else {
            return;
        };
        self.new.push_back(Line { tid, words, stamp_ns: signed(stamp), message, read });
    }

    /// Whether there is a line for each mark that was a kill.
    fn has_all(&self, victim: &Victim, slept: i64) -> bool {
        let mut marks = victim.marks();
        let first = marks.next().filter(|_| victim.mark.outcome == Outcome::Killed);
        first.into_iter().chain(marks).all(|(tid, ns)| self.place(tid, signed(ns), slept).is_some())
    }

    /// What is said of these marks of one process.
    fn look_up(&mut self, marks: impl Iterator<Item = (u32, u64)>, slept: i64) -> Logged {
        let (mut lines, mut message) = (Vec::new(), None);
        for (tid, marked_ns) in marks {
            let taken = self.take(tid, signed(marked_ns), slept);
            let us = |stamp_ns: i64| u64::try_from(stamp_ns / 1000).unwrap_or(0);
            lines.push(KilledAgain { tid, log_us: taken.map(|(stamp_ns, _)| us(stamp_ns)) });
            message = message.or(taken.and_then(|(_, words)| words));
        }
        if lines.iter().all(|line| line.log_us.is_none()) {
            return Logged::Unknown;
        }
        let mut lines = lines.into_iter();
        let us = lines.next().and_then(|first| first.log_us);
        Logged::Killed { us, again: lines.collect(), message }
    }

    /// Takes out the line of a mark: its stamp, and the kernel's words.
    fn take(
        &mut self,
        tid: u32,
        marked_ns: i64,
        slept: i64,
    ) -> Option<(i64, Option<&'static str>)> {
        let place = self.place(tid, marked_ns, slept)?;
        let Line { stamp_ns, words, .. } = self.new.remove(place)?;
        self.measured = Some((marked_ns - stamp_ns, slept));
        push(&mut self.found, (tid, stamp_ns));
        Some((stamp_ns, words))
    }

    /// Where the line of a mark is.
    fn place(&self, tid: u32, marked_ns: i64, slept: i64) -> Option<usize> {
        let ahead = self.ahead(slept);
        let before = match self.measured {
            Some(_) => BEFORE_NS,
            None => AT_FIRST_NS + marked_ns / 1_000_000 * DRIFT_PPM,
        };
        let is_its = |line: &Line| {
            let after = line.stamp_ns + ahead - marked_ns;
            line.tid == tid && after > -before && after < AFTER_NS
        };
        self.new.iter().position(is_its)
    }

    /// These are told of without a line.
    fn give_up(&mut self, victims: &[Victim]) {
        for victim in victims {
            let mut marks = victim.marks();
            let first = marks.next().filter(|_| victim.lacks_first_line());
            let again = victim.killed_again();
            let again =
                marks.zip(again).filter(|(_, it)| it.log_us.is_none()).map(|(mark, _)| mark);
            for (tid, marked_ns) in first.into_iter().chain(again) {
                push(&mut self.unlogged, (tid, signed(marked_ns)));
            }
        }
    }

    /// By how much `CLOCK_BOOTTIME` is ahead of the log's clock.
    fn ahead(&self, slept: i64) -> i64 {
        self.measured.map_or(slept, |(ahead, before)| ahead + (slept - before))
    }

    /// Takes out those that were read before a moment, or all.
    fn old(&mut self, read_before: Option<Instant>) -> Vec<Line> {
        let is_old = |line: &&Line| read_before.is_none_or(|before| line.read < before);
        let old = self.new.iter().take_while(is_old).count();
        self.new.drain(..old).collect()
    }

    /// Takes out those from before an incident that began at this moment.
    fn before(&mut self, began_ns: i64, slept: i64) -> Vec<Line> {
        let until = began_ns - self.ahead(slept) - BEFORE_NS;
        let old = self.new.iter().take_while(|line| line.stamp_ns < until).count();
        self.new.drain(..old).collect()
    }

    /// Whether a record tells of it already.
    fn known(&mut self, line: &Line, slept: i64) -> Option<Known> {
        let Line { tid, stamp_ns, .. } = *line;
        let is_again = |&(known, then): &(u32, i64)| {
            known == tid && (0..AFTER_NS).contains(&(stamp_ns - then))
        };
        if self.found.iter().any(is_again) {
            return Some(Known::Again);
        }
        let marked_ns = stamp_ns + self.ahead(slept);
        let is_told = |&(known, then): &(u32, i64)| {
            known == tid && marked_ns > then - AT_FIRST_NS && marked_ns < then + LONG_AFTER_NS
        };
        let told = self.unlogged.iter().position(is_told)?;
        self.unlogged.remove(told);
        Some(Known::Told)
    }
}

/// What tells of a line.
enum Known {
    /// A record of the same victim, which was killed once more.
    Again,
    /// A record of this kill.
    Told,
}

/// Adds to the end, and lets go of the oldest where there are many.
fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == MOST {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// The log's clock is not steered as the other one is (parts of a million).
const DRIFT_PPM: i64 = 500;

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

fn signed_ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
