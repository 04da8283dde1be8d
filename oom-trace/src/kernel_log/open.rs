//! The incident whose lines are being read.
//!
//! The kernel handles one shortage at a time (`oom_lock`), so the lines of two never mingle; those
//! of others may stand between them. The dump is rate-limited and may be missing, the lines of the
//! kills are not.

use super::dump::Dump;
use super::message::{Killed, Message, Reaped, Summary};
use super::scan::Names;
use super::untold::Mention;
use super::{Caller, Entry, Stamp};
use crate::incident::model::KilledAgain;
use crate::text::KernelText;

/// Seconds between two lines of one incident, in a log that is followed: a record does not wait for ever. A
/// serial console may take milliseconds for each.
const STALE_AFTER: u32 = 10;

/// The same in a file, in which the next header or boot ends what has no kill. Behind a slow console a
/// processor may wait for half a minute in the middle of a dump.
const STALE_IN_A_FILE: u32 = 120;

/// Seconds without a kill after which a message of somebody else ends an incident.
const OVER_AFTER: u32 = 1;

/// Victims of one incident.
const MAX_VICTIMS: usize = 1 << 16;

/// An incident so far.
#[derive(Debug)]
pub(super) struct Open {
    /// Its first line's.
    pub(super) start: Stamp,
    pub(super) host: Option<String>,
    pub(super) boot_id: Option<String>,
    last: Stamp,
    caller: Option<Caller>,
    pub(super) dump: Dump,
    pub(super) victims: Vec<Victim>,
    /// That a group is to be killed, and its path if that is sure.
    pub(super) group: Option<Option<KernelText>>,
    /// How often nobody could be killed, and when the last time was.
    pub(super) failures: u64,
    pub(super) failed_at: Stamp,
    /// What the reaper said of its victims.
    pub(super) reaped: Vec<(Reaped, Stamp)>,
    /// Whether its victim is who was chosen, and no line tells of the kill.
    pub(super) is_chosen_only: bool,
    /// Whether it is of a saved log, in which nobody waits for what comes.
    pub(super) is_saved: bool,
    /// Its first line.
    pub(super) first: Option<Mention>,
    /// The first line of it that speaks of an OOM kill, and how many there are.
    pub(super) mentions: (u64, Option<Mention>),
}

/// A process that was killed.
#[derive(Debug)]
pub(super) struct Victim {
    pub(super) killed: Killed,
    /// When it was logged: the stamp of its own first line.
    pub(super) at: Stamp,
    /// Further kills of it, each with the stamp of its line.
    pub(super) again: Vec<(Killed, Stamp)>,
}

impl Victim {
    pub(super) fn new(killed: Killed, at: Stamp) -> Self {
        Self { killed, at, again: Vec::new() }
    }

    /// Its stamp in the log's own unit, microseconds.
    pub(super) fn log_us(&self) -> Option<u64> {
        micros(self.at)
    }

    pub(super) fn killed_again(&self) -> Vec<KilledAgain> {
        let again =
            |(killed, at): &(Killed, Stamp)| KilledAgain { tid: killed.tid, log_us: micros(*at) };
        self.again.iter().map(again).collect()
    }
}

fn micros(stamp: Stamp) -> Option<u64> {
    stamp.boot_ns.map(|boot_ns| boot_ns / 1000)
}

impl Open {
    pub(super) fn new(entry: &Entry<'_>) -> Self {
        Self {
            start: entry.stamp,
            host: entry.host.map(Into::into),
            boot_id: entry.boot_id.map(Into::into),
            last: entry.stamp,
            caller: entry.caller,
            dump: Dump::default(),
            victims: Vec::new(),
            group: None,
            failures: 0,
            failed_at: entry.stamp,
            reaped: Vec::new(),
            is_chosen_only: false,
            is_saved: false,
            first: None,
            mentions: (0, None),
        }
    }

    /// Whether a line may belong to it, by who logged it and when.
    fn may_hold(&self, entry: &Entry<'_>) -> bool {
        let within = if self.is_saved { STALE_IN_A_FILE } else { STALE_AFTER };
        self.may_hold_within(entry, within)
    }

    fn may_hold_within(&self, entry: &Entry<'_>, seconds: u32) -> bool {
        let other = self.caller.zip(entry.caller).is_some_and(|(a, b)| a != b);
        !other && !self.last.is_before(entry.stamp, seconds) && !self.last.is_after(entry.stamp)
    }

    /// Whether its dump may still go on.
    fn is_being_described(&self, entry: &Entry<'_>) -> bool {
        !self.has_result() && self.group.is_none() && self.may_hold(entry)
    }

    /// Whether a line of a dump, the first of which there is no other sign, can be of this one.
    pub(super) fn may_describe(&self, message: &Message<'_>, entry: &Entry<'_>) -> bool {
        self.is_being_described(entry) && !self.dump.has_one_of(message)
    }

    /// Takes a line of the dump, if it belongs to it.
    pub(super) fn describe(&mut self, message: Message<'_>, entry: &Entry<'_>) {
        if self.is_being_described(entry) {
            self.last = entry.stamp;
            self.dump.take(message, entry);
        }
    }

    /// Takes the summary, or hands it back: it is another shortage's.
    pub(super) fn sum_up(&mut self, summary: Summary, entry: &Entry<'_>) -> Option<Summary> {
        if !self.is_being_described(entry) || !self.dump.fits(&summary) {
            return Some(summary);
        }
        self.last = entry.stamp;
        self.dump.sum_up(summary);
        None
    }

    /// Takes a kill, or hands it back: it is, or may be, another shortage's, of which there may be
    /// no dump.
    pub(super) fn kill(
        &mut self,
        killed: Killed,
        entry: &Entry<'_>,
        may_lack_dump: bool,
    ) -> Option<Killed> {
        let mut named = killed.clone();
        if let Some((name, is_whole)) = self.dump.name_of(killed.tid, entry.names == Names::Exact) {
            named.decide(name, is_whole);
        }
        let is_of_this =
            self.failures == 0 && self.may_hold(entry) && self.is_of_this(&named, may_lack_dump);
        if !is_of_this || self.victims.len() >= MAX_VICTIMS {
            return Some(killed);
        }
        let killed = named;
        self.last = entry.stamp;
        match self.victims.iter_mut().find(|known| known.killed.tid == killed.tid) {
            Some(known) => known.again.push((killed, entry.stamp)),
            None => self.victims.push(Victim::new(killed, entry.stamp)),
        }
        None
    }

    fn is_of_this(&self, killed: &Killed, may_lack_dump: bool) -> bool {
        let is_listed = || self.dump.may_list(killed.tid);
        let may_be_member = || self.dump.summary.is_some() && !may_lack_dump && is_listed();
        match (self.victims.first(), &self.group) {
            (Some(first), Some(_)) => {
                first.killed.message == killed.message
                    && (first.killed.tid == killed.tid || may_be_member())
            }
            // Only a group has more than one.
            (Some(_), None) => false,
            (None, Some(_)) => self.dump.expects(killed) && may_be_member(),
            (None, None) => {
                let is_sure = self.dump.chosen().is_some() || !may_lack_dump;
                is_sure && self.dump.expects(killed) && self.dump.chose(killed)
            }
        }
    }

    /// Takes the line that announces a group kill. The kill before it was the first of another
    /// shortage if a group was being killed already: it is handed back.
    pub(super) fn group(
        &mut self,
        path: Option<KernelText>,
        entry: &Entry<'_>,
    ) -> Result<(), Option<Box<Victim>>> {
        let may_begin = !self.victims.is_empty() || self.dump.chosen().is_some();
        if self.failures > 0 || !self.may_hold(entry) || !may_begin {
            return Err(None);
        }
        if self.group.is_some() {
            let is_single = self.victims.len() > 1
                && self.victims.last().is_some_and(|last| last.again.is_empty());
            let last = if is_single { self.victims.pop() } else { None };
            return Err(last.map(Box::new));
        }
        self.last = entry.stamp;
        self.group = Some(path);
        Ok(())
    }

    /// Takes the news that nobody can be killed, if it is of the shortage that is described here.
    pub(super) fn fail(&mut self, entry: &Entry<'_>) -> bool {
        let takes = self.is_being_described(entry) && self.dump.chosen().is_none();
        if takes {
            self.fail_now(entry);
        }
        takes
    }

    /// The same of a shortage of which nothing else is known.
    pub(super) fn fail_now(&mut self, entry: &Entry<'_>) {
        self.last = entry.stamp;
        self.failures = 1;
        self.failed_at = entry.stamp;
    }

    /// Whether there is something to report, and others have had the word for a while.
    pub(super) fn is_over(&self, now: Stamp) -> bool {
        self.has_result() && self.last.is_before(now, OVER_AFTER)
    }

    /// Whether there is something to report that ended long ago.
    pub(super) fn is_past(&self, now: Stamp) -> bool {
        self.has_result() && self.last.is_before(now, STALE_AFTER)
    }

    /// Whether it is known how it ended.
    pub(super) fn has_result(&self) -> bool {
        !self.victims.is_empty() || self.failures > 0
    }

    /// Whether its end is known, and no line of others' ends it: of a group there may be more.
    pub(super) fn is_settled(&self) -> bool {
        self.has_result() && self.group.is_none()
    }

    /// Whether the kernel may panic for want of this memory.
    pub(super) fn may_panic(&self, entry: &Entry<'_>) -> bool {
        let is_described = self.dump.header.is_some() && self.dump.summary.is_none();
        (is_described || self.failures > 0) && self.victims.is_empty() && self.may_hold(entry)
    }

    /// Whether another's stack may stand in its dump.
    pub(super) fn is_mixed(&self) -> bool {
        self.dump.is_mixed()
    }

    /// A kill of which nothing else is known.
    pub(super) fn begin_with(&mut self, victim: Victim) {
        self.victims.push(victim);
    }

    /// Counts a line that speaks of an OOM kill.
    pub(super) fn mention(&mut self, mention: Mention) {
        let (count, first) = &mut self.mentions;
        *count += 1;
        first.get_or_insert(mention);
    }
}
