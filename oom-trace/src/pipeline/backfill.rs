//! Kills that the store lacks, because no agent was there to see or to save them: of this boot the kernel's
//! log tells, and of one that a panic ended what pstore kept of its log.
//!
//! A thread of its own reads the store and the log and hands on one kill after the other, as fast as
//! the store saves them, and no sooner than the store works. Whatever ends the agent, what was not
//! saved by then is found by the next one.

mod kept;
mod matching;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::mpsc::{self, Receiver, Sender};

use self::matching::{Logged, Records};
use crate::delivery::Pace;
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::{OomKill, Record};
use crate::kernel_log::device::Boundary;
use crate::kernel_log::log_clock::suspended;
use crate::kernel_log::pstore::PLACES;
use crate::kernel_log::this_boot::{self, Limits, Part};
use crate::say::say;
use crate::store::{Archive, StoreError, Told};
use crate::units::Counted;

/// Kills on their way to whoever tells of them.
const WAITING: usize = 16;

/// Between two tries to read the store.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What is looked for: kills of the time before this agent.
#[derive(Debug)]
pub(crate) struct Before {
    /// Where and which boot this is.
    pub(crate) host: Host,
    /// The store.
    pub(crate) store: PathBuf,
    /// When its account began, on `CLOCK_BOOTTIME` in nanoseconds.
    pub(crate) until: u64,
}

/// The search under way.
#[derive(Debug)]
pub(crate) struct Backfill {
    /// `None` once it is over.
    found: Option<Receiver<Found>>,
    told: u64,
    /// Of earlier boots.
    kept: u64,
    /// What is to be compared with the kernel's count.
    sum: Option<Sum>,
}

/// What the search brings.
#[derive(Debug)]
pub(crate) enum Found {
    /// A kill that the store lacks.
    Missed(Box<OomKill>),
    /// A kill or a panic of an earlier boot that it lacks.
    Kept(Record),
    /// All of them.
    Sum(Sum),
}

/// The kills before this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    /// How many the store and the log have.
    known: u64,
    /// Whether the log begins with the boot.
    reaches_back: bool,
}

impl Backfill {
    /// Begins on a thread of its own.
    ///
    /// # Errors
    /// The kernel gives no further thread.
    pub(crate) fn start(before: Before, mut boundary: Boundary, pace: Pace) -> io::Result<Self> {
        let (sender, found) = mpsc::channel(WAITING);
        let host = before.host.clone();
        let log = move |is_known: &IsKnown<'_>, each: &mut Each<'_>| {
            this_boot::read(&host, Part { until: Some(&mut boundary), is_known }, each)
        };
        let slept = u64::try_from(suspended().as_nanos()).unwrap_or(u64::MAX);
        let run = move || {
            let kept = PLACES.iter().map(Path::new).collect();
            Search { before, pace, sender, log, slept, kept }.run();
        };
        thread::Builder::new().name("backfill".to_owned()).spawn(run)?;
        Ok(Self { found: Some(found), told: 0, kept: 0, sum: None })
    }

    /// Nothing is looked for.
    pub(crate) fn none() -> Self {
        Self { found: None, told: 0, kept: 0, sum: None }
    }

    /// Whether there is more to come.
    pub(crate) fn is_under_way(&self) -> bool {
        self.found.is_some()
    }

    /// What is found next; `None` at the end, and then for ever.
    pub(crate) async fn next(&mut self) -> Option<Found> {
        let found = self.found.as_mut()?;
        let next = found.recv().await;
        if next.is_none() {
            self.found = None;
        }
        next
    }

    /// The record to tell of it, if it is a kill.
    pub(crate) fn take(&mut self, found: Found) -> Option<Record> {
        match found {
            Found::Missed(mut kill) => {
                self.told += 1;
                kill.backfilled = true;
                Some(Record::OomKill(kill))
            }
            Found::Kept(record) => {
                self.kept += 1;
                Some(record)
            }
            Found::Sum(sum) => {
                self.sum = Some(sum);
                None
            }
        }
    }

    /// Whether the kernel's count is to be compared.
    pub(crate) fn is_to_be_compared(&self) -> bool {
        self.sum.is_some()
    }

    /// The kills that nobody can tell of, in a sentence, by how many the kernel had counted when the
    /// agent's account began: without those that were on their way then, which it has told of.
    pub(crate) fn compare(&mut self, counted: Option<u64>) -> Option<String> {
        let Sum { known, reaches_back } = self.sum.take()?;
        let counted = counted?;
        let untold = counted.checked_sub(known).filter(|untold| *untold > 0)?;
        let why = if reaches_back {
            ": no agent was running, and the kernel's log does not have them"
        } else {
            ": the kernel's log does not go back to boot, and no agent was running"
        };
        let were = if untold == 1 { "OOM kill was" } else { "OOM kills were" };
        Some(format!("{untold} {were} missed since boot (kernel counted {counted}){why}"))
    }

    /// How much was told, a sentence for each source.
    pub(crate) fn sum_up(&self) -> impl Iterator<Item = String> {
        let logged = (self.told > 0).then(|| {
            let kills = Counted(self.told, "kill");
            format!("recovered {kills} from before this start from the kernel's log")
        });
        let kept = (self.kept > 0).then(|| {
            let records = Counted(self.kept, "record");
            format!("recovered {records} of an earlier boot from pstore")
        });
        logged.into_iter().chain(kept)
    }
}

/// Whether a kill is known by the stamp of its line.
type IsKnown<'a> = dyn Fn(u64) -> bool + 'a;

/// Takes a record of the log.
type Each<'a> = dyn FnMut(Record) -> anyhow::Result<()> + 'a;

struct Search<L> {
    before: Before,
    pace: Pace,
    sender: Sender<Found>,
    /// Hands on what the kernel's log has; of kills that are known, no more than that they were.
    log: L,
    /// How long the machine slept, in nanoseconds.
    slept: u64,
    /// Where pstore's files are; none once they have been read.
    kept: Vec<&'static Path>,
}

/// Why a search ended before its end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// The agent is told to stop.
    #[error("the agent stops")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0:#}")]
    Log(anyhow::Error),
}

impl<L: FnMut(&IsKnown<'_>, &mut Each<'_>) -> anyhow::Result<Limits>> Search<L> {
    fn run(mut self) {
        if !self.pace.is_ready() {
            say("kills from before this start are told once the store works");
        }
        let mut is_first = true;
        loop {
            let error = match self.search() {
                Ok(()) | Err(Ended::Stopped) => return,
                Err(error) => error,
            };
            let again = matches!(&error, Ended::Store(store) if store.may_pass());
            if is_first || !again {
                let again = if again { "; will retry" } else { "" };
                say(format_args!("kills from before this start may be missing: {error}{again}"));
            }
            is_first = false;
            if !again || !self.pace.pause(TRY_AGAIN) {
                return;
            }
        }
    }

    fn search(&mut self) -> Result<(), Ended> {
        let store = &self.before.store;
        if !self.pace.wait() {
            return Err(Ended::Stopped);
        }
        let mut archive = Archive::of_agent(store);
        let places = std::mem::take(&mut self.kept);
        if let Err(error) = self.kept(&places, &mut archive) {
            self.kept = places;
            return Err(error);
        }
        let told = archive.kills(&self.before.host.boot_id)?;
        let mut sum = Sum::of(&told, self.before.until);
        let mut stamps: Vec<_> = told.kills.iter().filter_map(|known| known.log_us).collect();
        stamps.sort_unstable();
        let pruned = told.pruned.log_us;
        let is_known =
            |us: u64| stamps.binary_search(&us).is_ok() || pruned.is_some_and(|last| us <= last);
        let mut records = Records::new(told, self.slept);
        // One after the other as it is read: a long log takes longer than some agents live.
        let limits = self.tell(&is_known, |logged| {
            let is_missing = records.lack(logged);
            sum.known += if is_missing { u64::from(logged.kills) } else { 0 };
            is_missing
        })?;
        let late = records.lack_in_the_end();
        if !late.is_empty() {
            sum.known += late.iter().map(|logged| u64::from(logged.kills)).sum::<u64>();
            let at = |us: u64| {
                let first = late.partition_point(|logged| logged.log_us < us);
                late.iter().skip(first).take_while(move |logged| logged.log_us == us)
            };
            let is_known = |us: u64| at(us).next().is_none();
            self.tell(&is_known, |logged| at(logged.log_us).any(|it| it.tid == logged.tid))?;
        }
        sum.reaches_back = limits.reaches_back;
        self.sender.blocking_send(Found::Sum(sum)).map_err(|_| Ended::Stopped)
    }

    /// What earlier boots left.
    fn kept(&self, places: &[&Path], archive: &mut Archive) -> Result<(), Ended> {
        let Self { before, pace, sender, .. } = self;
        kept::lacking(places, &before.host, archive, Clock::now(), |record| {
            let goes_on = pace.wait() && sender.blocking_send(Found::Kept(record)).is_ok();
            if goes_on { Ok(()) } else { Err(Ended::Stopped) }
        })
    }

    /// Reads the log, and tells what is missing: there may be more than there is room for at once.
    fn tell(
        &mut self,
        is_known: &IsKnown<'_>,
        mut is_missing: impl FnMut(&Logged) -> bool,
    ) -> Result<Limits, Ended> {
        let Self { log, pace, sender, .. } = self;
        let read = log(is_known, &mut |record| {
            let Record::OomKill(kill) = record else { return Ok(()) };
            if !Logged::of(&kill).is_some_and(|logged| is_missing(&logged)) {
                return Ok(());
            }
            if !pace.wait() || sender.blocking_send(Found::Missed(kill)).is_err() {
                return Err(Ended::Stopped.into());
            }
            Ok(())
        });
        read.map_err(|error| match error.downcast_ref() {
            Some(Ended::Stopped) => Ended::Stopped,
            _ => Ended::Log(error),
        })
    }
}

impl Sum {
    /// What the store has of it.
    fn of(told: &Told, until: u64) -> Self {
        let Told { kills, pruned } = told;
        // The store has those that were seen since, too.
        let before = kills.iter().filter(|known| known.boot_ns < until);
        let known = before.map(|known| u64::from(known.kills)).sum::<u64>() + pruned.kills;
        Self { known, reaches_back: false }
    }
}

#[cfg(test)]
mod tests;
