//! What is known: the records of kills and of the agent, and the kernel's own counts.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::counter::Counter;
use super::meant::Meant;
use super::question::Question;
use crate::cli::SelectArgs;
use crate::commands::select::{Selection, ThisBoot};
use crate::incident::model::{OomKill, Outcome, Record, UserAction, UserKill};
use crate::ledger::{Ledger, Now};
use crate::store::Archive;

/// The wall clock may have been set since a record was made: so much earlier are they read.
const CLOCK_SET_BY: SignedDuration = SignedDuration::from_hours(36);

/// Why a record may be of a kill that is asked for, and may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It does not tell where the victim ran, or who it was.
    Who,
    /// It does not tell when.
    When,
    /// It does not tell whether the victim was killed or was dying already.
    Outcome,
}

/// Where records are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// An agent's store.
    Store,
    /// The running kernel's log.
    Log,
}

/// What is known.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) ground: Ground,
    /// The store, where it is not the one that is read unless another is named.
    pub(super) store: Option<PathBuf>,
    /// What could not be read, in words.
    pub(super) limits: Vec<String>,
    /// The kernel's counts, and what is told of.
    pub(super) ledger: Ledger,
    /// Kills by the kernel that are asked for, in order of time.
    pub(super) kills: Vec<(Timestamp, Box<OomKill>)>,
    /// What other programs killed for want of memory.
    pub(super) user_kills: Vec<UserKill>,
    /// What may have been such a kill.
    pub(super) doubtful: Vec<(Doubt, Box<OomKill>)>,
    /// What the kernel counted in the cgroup that is asked for, and what is told of that.
    pub(super) cgroup: Option<InCgroup>,
    /// This boot is of this machine's, and so is its count.
    pub(super) here: Option<String>,
    /// The places that are asked for, and kills that may be meant.
    pub(super) meant: Meant,
}

/// Kills in one cgroup, in this boot.
#[derive(Debug)]
pub(super) struct InCgroup {
    /// By the kernel's count.
    pub(super) counter: Counter,
    /// Told of, also those in another cgroup of that name, before.
    pub(super) told: u64,
    /// Told of, since it is there for sure.
    pub(super) told_since: u64,
}

impl InCgroup {
    /// The kernel counts kills that are not told of.
    pub(super) fn missing(&self) -> u64 {
        self.counter.kills.saturating_sub(self.told)
    }

    /// Each kill since this moment is told of. The count may be older, and so have more; and one that does not
    /// have what is below proves nothing of that.
    pub(super) fn is_proven_since(&self, moment: Timestamp) -> bool {
        let Counter { since, kills, has_those_below, .. } = self.counter;
        has_those_below && since <= moment && kills == self.told_since
    }
}

impl Evidence {
    fn new(
        ledger: Ledger,
        counter: Option<Counter>,
        here: Option<String>,
        question: &Question,
    ) -> Self {
        Self {
            ground: Ground::Store,
            store: None,
            limits: Vec::new(),
            ledger,
            kills: Vec::new(),
            user_kills: Vec::new(),
            doubtful: Vec::new(),
            cgroup: counter.map(|counter| InCgroup { counter, told: 0, told_since: 0 }),
            here,
            meant: Meant::of(&question.filter),
        }
    }

    /// From a store. That of another machine says nothing of this boot.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn of_store(
        path: &Path,
        is_own: bool,
        now: &Now,
        question: &Question,
    ) -> anyhow::Result<Self> {
        let mut archive = Archive::at(path);
        let ledger = Ledger::of_boots(&mut archive, is_own, now)?;
        let boot_id = &now.host.boot_id;
        let is_here = ledger.boot(Some(boot_id)).is_some();
        // A boot's account begins with the boot.
        let start = ledger.start_before(question.since).unwrap_or(question.since);
        let from = start.checked_sub(CLOCK_SET_BY).ok();
        let counter = is_here.then(|| Counter::of(&question.filter)).flatten();
        let mut evidence = Self::new(ledger, counter, is_here.then(|| boot_id.clone()), question);
        evidence.store = (!is_own).then(|| path.to_owned());
        let this_boot = ThisBoot::here().filter(|_| is_here);
        archive.each_since(from, Some(boot_id), |mut record| {
            ThisBoot::correct(this_boot.as_ref(), &mut record);
            evidence.take(record, question);
            anyhow::Ok(())
        })?;
        evidence.finish();
        Ok(evidence)
    }

    /// From the running kernel's log, where there is no store.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn of_log(now: &Now, question: &Question) -> anyhow::Result<Self> {
        let counter = Counter::of(&question.filter);
        let mut evidence =
            Self::new(Ledger::of_boot(now), counter, Some(now.host.boot_id.clone()), question);
        let log = Selection::of(Vec::new(), &SelectArgs::default())?;
        let told = log.each(|record| {
            evidence.take(record, question);
            Ok(())
        })?;
        (evidence.ground, evidence.limits) = (Ground::Log, told.limits);
        evidence.finish();
        Ok(evidence)
    }

    fn finish(&mut self) {
        self.kills.sort_by_key(|(time, _)| *time);
        if self.here.is_some() {
            self.meant.look_around();
        }
    }

    /// Takes a record of the store or the log.
    pub(super) fn take(&mut self, record: Record, question: &Question) {
        match record {
            Record::OomKill(kill) => self.take_kill(kill, question),
            Record::UserKill(kill) => {
                let is_in = kill.origin.time.is_some_and(|time| question.has(time));
                let is_kill = kill.action == UserAction::Killed;
                if is_in && is_kill && question.is_about_user_kill(&kill) {
                    self.user_kills.push(*kill);
                }
            }
            Record::Agent(agent) => self.ledger.take_agent(&agent),
            Record::OomPanic(_) | Record::OomFailed(_) | Record::OomExit(_) => {}
        }
    }

    fn take_kill(&mut self, kill: Box<OomKill>, question: &Question) {
        let boot_id = kill.origin.boot_id.as_deref();
        let is_here = boot_id.is_some() && boot_id == self.here.as_deref();
        if let Some(InCgroup { counter, told, told_since }) = &mut self.cgroup
            && is_here
            && counter.has(&kill)
        {
            let kills = u64::from(kill.kill_count.unwrap_or(0));
            *told += kills;
            if kill.origin.time.is_some_and(|time| time >= counter.since) {
                *told_since += kills;
            }
        }
        self.ledger.take_kill(&kill);
        let boot = self.ledger.boot(boot_id);
        // By the wall clock as it stood when the record was made, which may have been wrong.
        let mut times: Vec<_> = kill.origin.time.into_iter().collect();
        if let (Some(boot), Some(ns)) = (boot, kill.origin.boot_ns) {
            // The log's clock does not count how long the machine slept.
            if !kill.source.is_kernel_log() {
                times.clear();
            }
            if !kill.source.is_kernel_log() || !times.is_empty() {
                times.push(boot.wall(ns));
            }
        }
        // At some moment of that boot, where it has none.
        let span = boot.filter(|_| times.is_empty()).map(|boot| {
            let (from, until) = boot.span();
            (from, self.ledger.latest(&kill).map_or(until, |ns| boot.wall(ns)))
        });
        if kill.outcome == Some(Outcome::AlreadyExiting) {
            return;
        }
        self.meant.hear(&kill);
        let is_about = question.is_about(&kill);
        let is_in = match (times.as_slice(), span) {
            ([first, others @ ..], _) => {
                let is_in = question.has(*first);
                others.iter().all(|time| question.has(*time) == is_in).then_some(is_in)
            }
            ([], Some((from, until))) if from > question.until || until < question.since => {
                Some(false)
            }
            ([], _) => None,
        };
        if is_about == Some(false) && is_in != Some(false) {
            self.meant.count(&kill);
        }
        let doubt = match (is_about, is_in, kill.outcome) {
            (Some(false), ..) | (_, Some(false), _) => return,
            (None, ..) => Doubt::Who,
            (_, None, _) => Doubt::When,
            (.., None) => Doubt::Outcome,
            (Some(true), Some(true), Some(_)) => {
                let time = times.last().copied().unwrap_or_default();
                self.kills.push((time, kill));
                return;
            }
        };
        self.doubtful.push((doubt, kill));
    }
}

#[cfg(test)]
mod tests;
