//! The thread of one sink.

mod behind;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use super::backlog::{Backlog, Number, Place, ReadOutcome, WaitOutcome};
use super::fold::Fold;
use super::report::{Report, Reporter};
use super::stats::Counts;
use crate::incident::model::Record;
use crate::sink::{Disposition, FilterState, Repeats, Sink, SinkError};
use crate::store::Archive;

/// From the first pause between two tries to the longest; each is longer than the one before, and a
/// part of it is left to chance, so that a fleet does not come back at once.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// A sink that pauses so long reads from the store what comes meanwhile. A shorter pause is not worth that.
const AWAY: Duration = Duration::from_secs(1);

/// What others tell a worker.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Look at the others.
    pub(super) wake: AtomicBool,
    pub(super) reopen: AtomicBool,
    /// End without waiting for more.
    pub(super) end: AtomicBool,
}

pub(super) struct Worker {
    pub(super) sink: Box<dyn Sink>,
    pub(super) filter: FilterState,
    /// What it tells of later, with others.
    pub(super) fold: Option<Fold>,
    /// The number of the first record that it has not done with.
    pub(super) at: Number,
    /// The number of the record that it reads next.
    pub(super) taken: Number,
    pub(super) backlog: Arc<Backlog>,
    pub(super) place: Place,
    /// What is no longer in memory.
    pub(super) archive: Option<Archive>,
    /// How long it waits for a store that cannot be read.
    pub(super) patience: Duration,
    pub(super) counts: Arc<Counts>,
    pub(super) signals: Arc<Signals>,
    pub(super) report: Reporter,
    pub(super) progress: Progress,
}

/// What is handed over at once.
enum Parcel<'a> {
    Records(&'a [Arc<Record>]),
    /// The last of several at one place.
    Repeats(&'a Arc<Record>, &'a Repeats),
}

impl Parcel<'_> {
    /// How many records are told of.
    fn count(&self) -> u64 {
        match self {
            Self::Records(records) => records.len() as u64,
            Self::Repeats(_, repeats) => repeats.more,
        }
    }

    fn hand_to(&self, sink: &mut dyn Sink) -> Result<(), SinkError> {
        match self {
            Self::Records(records) => sink.deliver(records),
            Self::Repeats(last, repeats) => sink.deliver_repeats(last, repeats),
        }
    }
}

/// How it has gone.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The pauses that follow, of a sink that fails.
    pauses: Option<ExponentialBackoff>,
    /// Lost records that were told of, and those that came without details.
    told: u64,
    told_shrunk: u64,
}

impl Worker {
    /// Until there is nothing left and the backlog is closed, or it is told to end.
    pub(super) fn run(mut self) {
        if let Err(error) = self.sink.begin() {
            self.fail(&error, false);
        }
        if self.read() && !self.counts.is_inherited() {
            self.tell_repeats(None);
        }
        self.leave_untold();
        if let Err(error) = self.sink.flush() {
            self.fail(&error, false);
        }
        self.counts.ended.store(true, Relaxed);
    }

    /// As long as there is something to read; `false` if it is the end and the last of that could not
    /// be delivered.
    fn read(&mut self) -> bool {
        loop {
            if !self.tell_repeats(Some(Instant::now())) {
                return false;
            }
            self.settle();
            // What is told later is not to depend on what is handed over together with it.
            let most = if self.fold.is_some() { 1 } else { self.sink.batch() };
            let at = self.at;
            let next = self.fold.as_ref().and_then(Fold::next);
            let until = next.into_iter().chain(self.sink.due()).min();
            let goes_on = match self.place.take(at, most, until, &self.signals.wake) {
                ReadOutcome::Records(first, records) => self.pass_on(first, &records),
                ReadOutcome::Behind(front) => self.catch_up(front, most),
                ReadOutcome::Woken => {
                    self.look();
                    true
                }
                ReadOutcome::Due => true,
                ReadOutcome::Stalled => {
                    (self.report)(Report::StoreStalled);
                    true
                }
                ReadOutcome::Over => return true,
            };
            if !goes_on || self.signals.end.load(Relaxed) {
                return goes_on;
            }
        }
    }

    /// What was delivered may not have arrived.
    fn settle(&mut self) {
        if self.sink.due().is_none_or(|due| due > Instant::now()) {
            return;
        }
        match self.sink.settle() {
            Ok(()) if self.counts.failing.load(Relaxed) => self.succeeded(0),
            Ok(()) => {}
            Err(error) => self.failed(&error, true),
        }
    }

    /// Tells of what repeated itself at places whose while is over by then, or everywhere; `false` if
    /// it is the end and that could not be delivered.
    fn tell_repeats(&mut self, now: Option<Instant>) -> bool {
        while let Some(due) = self.fold.as_mut().and_then(|fold| fold.due(now)) {
            if !self.deliver(&Parcel::Repeats(&due.last, &due.repeats)) {
                return false;
            }
            if let Some(fold) = &mut self.fold {
                fold.told(&due, Instant::now());
            }
            self.move_to(self.at);
        }
        true
    }

    /// What was counted and could not be told of: the store has it, with all that came since, or nobody.
    fn leave_untold(&self) {
        let untold = self.fold.as_ref().map_or(0, Fold::untold);
        // Another that goes on behind it leaves it untold.
        let is_passed_by = self.counts.heir.get().is_some() && !self.counts.is_inherited();
        if self.counts.kept {
            // Whoever goes on there counts them.
            self.counts.take_back_given_up();
        }
        if self.counts.kept && !is_passed_by {
            self.counts.cursor.store(self.counts.untold.load(Relaxed), Relaxed);
        } else {
            self.counts.dropped.fetch_add(untold, Relaxed);
        }
    }

    fn look(&mut self) {
        if self.signals.reopen.swap(false, Relaxed)
            && let Err(error) = self.sink.reopen()
        {
            self.fail(&error, false);
        }
    }

    /// Delivers those that are for this sink, and moves on; `false` if it is the end and they could
    /// not be delivered.
    fn pass_on(&mut self, first: Number, records: &[Arc<Record>]) -> bool {
        let all = records.len();
        self.taken = self.taken.max(first + all as Number);
        let mine = self.mine(first, records);
        if !mine.is_empty() && !self.deliver(&Parcel::Records(&mine)) {
            return false;
        }
        let shrunk = mine.iter().filter(|it| it.kill().is_some_and(|kill| !kill.shrunk.is_empty()));
        self.counts.shrunk.fetch_add(shrunk.count() as u64, Relaxed);
        self.move_to(first + all as Number);
        if self.at >= self.backlog.next() {
            self.tell_losses();
        }
        true
    }

    /// Those that are for this sink, and to be told now.
    fn mine(&mut self, first: Number, records: &[Arc<Record>]) -> Vec<Arc<Record>> {
        let Self { filter, fold, .. } = self;
        let now = Instant::now();
        let mut is_mine = |number: Number, record: &Arc<Record>| {
            let is_taken = filter.takes(record);
            let is_later =
                is_taken && fold.as_mut().is_some_and(|fold| fold.takes(number, record, now));
            if let Some(kill) = record.kill().filter(|_| is_later) {
                filter.leave_out_end_of(kill);
            }
            is_taken && !is_later
        };
        let numbered = (first..).zip(records);
        numbered.filter(|(number, it)| is_mine(*number, it)).map(|(_, it)| Arc::clone(it)).collect()
    }

    /// It has read what is before this.
    fn move_to(&mut self, number: Number) {
        self.at = number;
        let untold = self.fold.as_ref().and_then(Fold::first_untold).unwrap_or(number);
        self.counts.cursor.store(number, Relaxed);
        self.counts.untold.store(untold, Relaxed);
        if self.sink.is_durable() {
            self.backlog.moved();
        }
    }

    fn deliver(&mut self, parcel: &Parcel<'_>) -> bool {
        let all = parcel.count();
        let mut is_last = false;
        loop {
            let Err(error) = parcel.hand_to(&mut *self.sink) else {
                self.succeeded(all);
                return true;
            };
            let lost = match error.disposition() {
                Disposition::Retry if is_last => {
                    self.failed(&error, false);
                    return false;
                }
                Disposition::Retry if self.sink.is_durable() => {
                    self.failed(&error, true);
                    is_last = !self.wait();
                    continue;
                }
                Disposition::Refused => match parcel {
                    // It may be for one of them.
                    Parcel::Records(records) if all > 1 => {
                        let mut each = records.iter().map(std::slice::from_ref);
                        return each.all(|one| self.deliver(&Parcel::Records(one)));
                    }
                    _ => all,
                },
                Disposition::Retry => all,
                Disposition::Partial(lost) => lost.min(all),
            };
            if lost < all {
                self.succeeded(all - lost);
            }
            self.failed(&error, false);
            self.counts.failed.fetch_add(lost, Relaxed);
            return true;
        }
    }

    /// Until it is time to try again; `false` if this is the last time.
    fn wait(&mut self) -> bool {
        let pauses = self.progress.pauses.get_or_insert_with(|| {
            ExponentialBuilder::new()
                .with_min_delay(PAUSES.0)
                .with_max_delay(PAUSES.1)
                .without_max_times()
                .with_jitter()
                .build()
        });
        let pause = pauses.next().unwrap_or(PAUSES.1);
        let is_away = pause >= AWAY;
        if is_away {
            self.place.let_go();
        }
        match self.backlog.pause(pause, &self.signals.wake) {
            WaitOutcome::Passed => {
                if is_away {
                    self.give_up_what_is_gone();
                }
            }
            WaitOutcome::Woken => {
                self.signals.wake.store(false, Relaxed);
                self.look();
            }
            WaitOutcome::Closing => return false,
        }
        // It may have been told before the first try.
        !self.signals.end.load(Relaxed)
    }

    fn succeeded(&mut self, records: u64) {
        self.counts.succeeded(records);
        self.progress.pauses = None;
        let told = self.lost() == self.progress.told;
        if self.counts.failing.swap(false, Relaxed) && told {
            (self.report)(Report::Recovered { sink: self.sink.name(), lost: 0, shrunk: 0 });
        }
    }

    fn failed(&mut self, error: &SinkError, again: bool) {
        if self.counts.failing.swap(true, Relaxed) {
            self.counts.failed_with(&error.to_string());
        } else {
            self.fail(error, again);
        }
    }

    fn fail(&self, error: &SinkError, again: bool) {
        self.counts.failed_with(&error.to_string());
        (self.report)(Report::Failing { sink: self.sink.name(), error, again });
    }

    fn lost(&self) -> u64 {
        self.counts.dropped.load(Relaxed) + self.counts.failed.load(Relaxed)
    }

    /// Losses are told when nothing waits: once for a burst, not once for each record of it.
    fn tell_losses(&mut self) {
        let (lost, shrunk) = (self.lost(), self.counts.shrunk.load(Relaxed));
        let since = (lost - self.progress.told, shrunk - self.progress.told_shrunk);
        if !self.counts.failing.load(Relaxed) && since != (0, 0) {
            (self.progress.told, self.progress.told_shrunk) = (lost, shrunk);
            let (lost, shrunk) = since;
            (self.report)(Report::Recovered { sink: self.sink.name(), lost, shrunk });
        }
    }
}

impl Debug for Worker {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("sink", &self.sink).finish_non_exhaustive()
    }
}
