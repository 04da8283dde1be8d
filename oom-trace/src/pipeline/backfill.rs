//! Kills of this boot that the store lacks, because no agent was there to see them: the kernel's log
//! tells of them.
//!
//! A thread of its own reads the store and the log and hands on one kill after the other, as fast as
//! the store saves them, and no sooner than the store works. Whatever ends the agent, what was not
//! saved by then is found by the next one.

mod matching;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;
use std::{io, thread};

use tokio::sync::mpsc::{self, Receiver, Sender};

use self::matching::{Logged, is_again, missing, same};
use crate::delivery::Pace;
use crate::enrich::host::Host;
use crate::incident::model::{OomKill, Record};
use crate::kernel_log::this_boot::{self, Limits, suspended};
use crate::say::say;
use crate::store::{Archive, Known, StoreError, Told};

/// Kills on their way to whoever tells of them.
const WAITING: usize = 16;

/// Between two tries to read the store.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Kills that are remembered at the start.
const SEEN: usize = 1 << 14;

/// What is looked for: kills of the time before this agent.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    /// Where and which boot this is.
    pub(crate) host: Host,
    /// The store.
    pub(crate) store: PathBuf,
    /// When the hooks were in place, on `CLOCK_BOOTTIME` in nanoseconds.
    pub(crate) until: u64,
    /// How many kills the kernel had counted then.
    pub(crate) counted: Option<u64>,
}

/// The search under way.
#[derive(Debug)]
pub(crate) struct Backfill {
    /// `None` once it is over.
    found: Option<Receiver<Missed>>,
    seen: Seen,
    told: u64,
}

/// A kill that the store lacks.
#[derive(Debug)]
pub(crate) struct Missed(Box<OomKill>);

/// Kills that the hooks saw at the start: the log may have those, too.
#[derive(Debug, Default)]
struct Seen {
    until: u64,
    slept: u64,
    kills: Vec<Known>,
    /// Those of which a line was found, and there are more.
    again: Vec<Known>,
}

impl Backfill {
    /// Begins on a thread of its own.
    ///
    /// # Errors
    /// The kernel gives no further thread.
    pub(crate) fn start(before: Before, pace: Pace) -> io::Result<Self> {
        let (sender, found) = mpsc::channel(WAITING);
        let seen = Seen { until: before.until, slept: slept(), ..Seen::default() };
        let host = before.host.clone();
        let log = move |each: &mut Each<'_>| this_boot::read(&host, each);
        let run = move || Search { before, pace, sender, log, slept: slept() }.run();
        thread::Builder::new().name("backfill".to_owned()).spawn(run)?;
        Ok(Self { found: Some(found), seen, told: 0 })
    }

    /// Nothing is looked for.
    pub(crate) fn none() -> Self {
        Self { found: None, seen: Seen::default(), told: 0 }
    }

    /// Whether there is more to come.
    pub(crate) fn is_under_way(&self) -> bool {
        self.found.is_some()
    }

    /// The next kill, which may be one that the hooks saw meanwhile; `None` at the end, and then for
    /// ever.
    pub(crate) async fn next(&mut self) -> Option<Missed> {
        let found = self.found.as_mut()?;
        let next = found.recv().await;
        if next.is_none() {
            self.found = None;
            self.seen = Seen::default();
        }
        next
    }

    /// The hooks saw this kill.
    pub(crate) fn saw(&mut self, kill: &OomKill) {
        if self.found.is_some() {
            self.seen.add(kill);
        }
    }

    /// The record of a kill that nobody told of; `None` if the hooks saw it after all. To be asked when
    /// all that the hooks have seen by now is known.
    pub(crate) fn tell(&mut self, Missed(kill): Missed) -> Option<Record> {
        if self.seen.takes(&kill) {
            return None;
        }
        self.told += 1;
        Some(Record::OomKill(kill))
    }

    /// How many kills were told, in a sentence.
    pub(crate) fn sum_up(&self) -> Option<String> {
        match self.told {
            0 => None,
            1 => Some("recovered 1 kill from before this start from the kernel's log".to_owned()),
            many => {
                Some(format!("recovered {many} kills from before this start from the kernel's log"))
            }
        }
    }
}

impl Seen {
    /// Of a kill that is long after the start, no line of the log is from before it.
    fn add(&mut self, kill: &OomKill) {
        let until = self.until.saturating_add(matching::APART);
        let room = SEEN.saturating_sub(self.kills.len());
        self.kills.extend(Known::of(kill).filter(|known| known.boot_ns <= until).take(room));
    }

    /// Whether it holds this kill: by its id, else by its thread and time. It is used up by that:
    /// another kill of a thread with the same id is another one.
    fn takes(&mut self, kill: &OomKill) -> bool {
        let Some(logged) = Logged::of(kill) else { return false };
        let distance = |known: &Known| same(&logged, known, self.slept);
        let all = self.kills.iter().enumerate();
        let nearest = all.filter_map(|(at, known)| Some((distance(known)?, at))).min();
        if let Some((_, at)) = nearest {
            let known = self.kills.swap_remove(at);
            // What is left of it are its further kills.
            self.again.extend((known.kills > 1).then_some(known));
            return true;
        }
        let mut known = self.kills.iter_mut().chain(&mut self.again);
        let again = known.find(|known| is_again(&logged, known));
        again.map(|known| known.kills -= 1).is_some()
    }
}

fn slept() -> u64 {
    u64::try_from(suspended().as_nanos()).unwrap_or(u64::MAX)
}

/// Takes a record of the log.
type Each<'a> = dyn FnMut(Record) -> anyhow::Result<()> + 'a;

struct Search<L> {
    before: Before,
    pace: Pace,
    sender: Sender<Missed>,
    /// Hands on what the kernel's log has.
    log: L,
    /// How long the machine slept, in nanoseconds.
    slept: u64,
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

impl<L: Fn(&mut Each<'_>) -> anyhow::Result<Limits>> Search<L> {
    fn run(self) {
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

    fn search(&self) -> Result<(), Ended> {
        let Before { host, store, until, counted } = &self.before;
        if !self.pace.wait() {
            return Err(Ended::Stopped);
        }
        let told = Archive::at(store).kills(&host.boot_id)?;
        let slept = self.slept;
        // What is later the hooks see.
        let is_before = |logged: &Logged| logged.boot_ns.saturating_add(slept) < *until;
        let mut logged = Vec::new();
        let limits = (self.log)(&mut |record| {
            let kill = record.kill().and_then(Logged::of);
            logged.extend(kill.filter(is_before));
            Ok(())
        })
        .map_err(Ended::Log)?;
        let missing = missing(logged, &told, slept);
        let untold = counted.and_then(|counted| untold(counted, *until, &told, &missing, limits));
        if let Some(untold) = untold {
            say(untold);
        }
        self.tell(missing.iter().map(Logged::key).collect())
    }

    /// The log once more: what is missing may be more than there is room for at once.
    fn tell(&self, mut missing: HashSet<(u32, u64)>) -> Result<(), Ended> {
        if missing.is_empty() {
            return Ok(());
        }
        let read = (self.log)(&mut |record| {
            let Record::OomKill(kill) = record else { return Ok(()) };
            let key = Logged::of(&kill).map(|logged| logged.key());
            if !key.is_some_and(|key| missing.remove(&key)) {
                return Ok(());
            }
            if !self.pace.wait() || self.sender.blocking_send(Missed(kill)).is_err() {
                return Err(Ended::Stopped.into());
            }
            Ok(())
        });
        match read {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.downcast_ref(), Some(Ended::Stopped)) => {
                Err(Ended::Stopped)
            }
            Err(error) => Err(Ended::Log(error)),
        }
    }
}

/// What is in no record at all, of the kills that were before the start.
fn untold(
    counted: u64,
    until: u64,
    told: &Told,
    missing: &[Logged],
    limits: Limits,
) -> Option<String> {
    let Told { kills, pruned } = told;
    let before = kills.iter().filter(|known| known.boot_ns < until);
    let told = before.map(|known| u64::from(known.kills)).sum::<u64>()
        + pruned.kills
        + missing.iter().map(|logged| u64::from(logged.kills)).sum::<u64>();
    let untold = counted.checked_sub(told).filter(|untold| *untold > 0)?;
    let why = match limits {
        Limits { reaches_back: false, .. } => {
            ": the kernel's log does not go back to boot, and no agent was running"
        }
        _ => ": no agent was running, and the kernel's log does not have them",
    };
    let were = if untold == 1 { "OOM kill was" } else { "OOM kills were" };
    Some(format!("{untold} {were} missed since boot (kernel counted {counted}){why}"))
}

#[cfg(test)]
mod tests;
