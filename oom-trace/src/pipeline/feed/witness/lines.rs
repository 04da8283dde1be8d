//! The log's lines of kills, each with the dump before it, and which kill of the hooks is whose.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::dump::{Dump, Dumps};
use crate::incident::assemble::{Logged, Victim};
use crate::incident::model::KilledAgain;
use crate::kernel_log::reader::Kmsg;
use crate::kernel_log::{KillLine, killed, killed_memory};
use crate::wire::Outcome;

/// Lines that are kept; the kernel keeps the rest until there is room.
pub(super) const MOST: usize = 2048;

/// By how much a line's stamp may seem to be before its mark: the two clocks are read one after the
/// other, but drift apart between two matches.
const BEFORE_NS: i64 = 2_000_000_000;

/// By how much it may be after it: the task may be throttled in between.
const AFTER_NS: i64 = 60_000_000_000;

/// The same of a kill that was told without its line.
const LONG_AFTER_NS: i64 = 600_000_000_000;

/// As above, while nothing is known yet of how the log's clock stands to the other.
const AT_FIRST_NS: i64 = 10_000_000_000;

/// The log's lines of kills.
#[derive(Default)]
pub(super) struct Lines {
    /// Those that no mark has been found for, oldest first.
    pub(super) new: VecDeque<Line>,
    /// What comes before them.
    pub(super) dumps: Dumps,
    /// Thread and stamp of those that one was found for, oldest first.
    found: VecDeque<(u32, i64)>,
    /// Thread and moment of kills that were told without a line, oldest first.
    pub(super) unlogged: VecDeque<(u32, i64)>,
    /// `None` until one was found.
    measured: Option<Measured>,
}

/// How the two clocks stood to each other at a mark and its line.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    /// By how much `CLOCK_BOOTTIME` was ahead of the log's clock.
    ahead: i64,
    /// How long the machine had slept by then.
    slept: i64,
    marked_ns: i64,
}

pub(super) struct Line {
    pub(super) killed: KillLine,
    pub(super) stamp_ns: i64,
    pub(super) message: Kmsg,
    read: Instant,
    /// What the kernel wrote before it; `None` if it wrote nothing, or there was no room.
    pub(super) dump: Option<Box<Dump>>,
}

/// What the log says of a mark, and the line that says it.
pub(super) type Found = (Logged, Option<Line>);

impl Lines {
    /// Takes a message; with dumps, they and those that come may weigh so many bytes.
    pub(super) fn add(&mut self, message: Kmsg, read: Instant, bound: usize) {
        let Some(entry) = message.entry() else { return };
        let has_less_room = match (killed(&entry), entry.stamp.boot_ns) {
            (Some(killed), Some(stamp)) => {
                let dump = self.dumps.end(&entry).map(Box::new);
                let is_described = dump.is_some();
                let stamp_ns = signed(stamp);
                self.new.push_back(Line { killed, stamp_ns, message, read, dump });
                is_described
            }
            _ => self.dumps.add(&entry, bound, read),
        };
        if has_less_room {
            self.lighten(bound.saturating_sub(self.dumps.bytes()));
        }
    }

    /// Lets go of the oldest dumps until the others fit.
    fn lighten(&mut self, room: usize) {
        let mut bytes = 0;
        for line in self.new.iter_mut().rev() {
            bytes += line.dump.as_ref().map_or(0, |dump| dump.bytes());
            if bytes > room {
                line.dump = None;
            }
        }
    }

    /// Whether there is a line for each mark that was a kill.
    pub(super) fn has_all(&self, victim: &Victim, slept: i64) -> bool {
        let mut marks = victim.marks();
        let first = marks.next().filter(|_| victim.mark.outcome == Outcome::Killed);
        first.into_iter().chain(marks).all(|(tid, ns)| self.place(tid, signed(ns), slept).is_some())
    }

    /// What is said of these marks of one process, and the first line that says it.
    pub(super) fn look_up(&mut self, marks: impl Iterator<Item = (u32, u64)>, slept: i64) -> Found {
        let (mut lines, mut memory) = (Vec::new(), Vec::new());
        let (mut message, mut first) = (None, None);
        for (tid, marked_ns) in marks {
            let taken = self.take(tid, signed(marked_ns), slept);
            let us = |line: &Line| u64::try_from(line.stamp_ns / 1000).unwrap_or(0);
            lines.push(KilledAgain { tid, log_us: taken.as_ref().map(us) });
            memory.push(taken.as_ref().and_then(|line| killed_memory(&line.message.entry()?)));
            message = message.or(taken.as_ref().and_then(|line| line.killed.words));
            first = first.or(taken);
        }
        if first.is_none() {
            return (Logged::Unknown, None);
        }
        let mut lines = lines.into_iter();
        let us = lines.next().and_then(|first| first.log_us);
        let uid = first.as_ref().and_then(|line| line.killed.uid);
        (Logged::Killed { us, uid, again: lines.collect(), memory, message }, first)
    }

    /// Takes out the line of a mark.
    pub(super) fn take(&mut self, tid: u32, marked_ns: i64, slept: i64) -> Option<Line> {
        let line = self.new.remove(self.place(tid, marked_ns, slept)?)?;
        self.measure(marked_ns, line.stamp_ns, slept);
        push(&mut self.found, (tid, line.stamp_ns));
        Some(line)
    }

    /// How long the machine had slept by then is seen from it: both may be from before its last sleep. A
    /// line that came long after its mark tells nothing.
    fn measure(&mut self, marked_ns: i64, stamp_ns: i64, slept: i64) {
        let ahead = marked_ns - stamp_ns;
        let last = self.measured.unwrap_or_default();
        let drift = (marked_ns - last.marked_ns).max(0) / 1_000_000 * DRIFT_PPM;
        if self.measured.is_some() && ahead < last.ahead - BEFORE_NS - drift {
            return;
        }
        let since = (ahead - last.ahead).clamp(0, (slept - last.slept).max(0));
        self.measured = Some(Measured { ahead, slept: last.slept + since, marked_ns });
    }

    /// Where the line of a mark is.
    fn place(&self, tid: u32, marked_ns: i64, slept: i64) -> Option<usize> {
        let (least, most) = (self.least_ahead(), self.ahead(slept));
        let before = match self.measured {
            Some(_) => BEFORE_NS,
            None => AT_FIRST_NS + marked_ns / 1_000_000 * DRIFT_PPM,
        };
        let is_its = |line: &Line| {
            let after = |ahead: i64| line.stamp_ns + ahead - marked_ns;
            line.killed.tid == tid && after(most) > -before && after(least) < AFTER_NS
        };
        self.new.iter().position(is_its)
    }

    /// These are told of without a line.
    pub(super) fn give_up(&mut self, victims: &[Victim]) {
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

    /// By how much `CLOCK_BOOTTIME` was ahead of the log's clock, at a line from before the machine slept.
    fn least_ahead(&self) -> i64 {
        self.measured.map_or(0, |last| last.ahead)
    }

    /// By how much it is now.
    pub(super) fn ahead(&self, slept: i64) -> i64 {
        self.measured.map_or(slept, |last| last.ahead + (slept - last.slept))
    }

    /// Takes out those that were read before a moment, or all.
    pub(super) fn old(&mut self, read_before: Option<Instant>) -> Vec<Line> {
        let is_old = |line: &&Line| read_before.is_none_or(|before| line.read < before);
        let old = self.new.iter().take_while(is_old).count();
        self.new.drain(..old).collect()
    }

    /// Takes out those from before an incident that began at this moment.
    pub(super) fn before(&mut self, began_ns: i64, slept: i64) -> Vec<Line> {
        let until = began_ns - self.ahead(slept) - BEFORE_NS;
        let old = self.new.iter().take_while(|line| line.stamp_ns < until).count();
        self.new.drain(..old).collect()
    }

    /// Whether a record tells of it already.
    pub(super) fn known(&mut self, line: &Line, slept: i64) -> Option<Known> {
        let Line { killed: KillLine { tid, .. }, stamp_ns, .. } = *line;
        let is_again = |&(known, then): &(u32, i64)| {
            known == tid && (0..AFTER_NS).contains(&(stamp_ns - then))
        };
        if self.found.iter().any(is_again) {
            return Some(Known::Again);
        }
        let (least, most) = (stamp_ns + self.least_ahead(), stamp_ns + self.ahead(slept));
        let is_told = |&(known, then): &(u32, i64)| {
            known == tid && most > then - AT_FIRST_NS && least < then + LONG_AFTER_NS
        };
        let told = self.unlogged.iter().position(is_told)?;
        self.unlogged.remove(told);
        Some(Known::Told)
    }
}

/// What tells of a line.
pub(super) enum Known {
    /// A record of the same victim, which was killed once more.
    Again,
    /// A record of this kill.
    Told,
}

/// Adds to the end, and lets go of the oldest where there are many.
pub(super) fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == MOST {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// The log's clock is not steered as the other one is (parts of a million).
const DRIFT_PPM: i64 = 500;

pub(super) fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

pub(super) fn signed_ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
