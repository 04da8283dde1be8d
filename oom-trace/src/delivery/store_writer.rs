//! The thread of the store: one more reader of the backlog, which saves what it reads and how far the
//! sinks are.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use super::backlog::{Backlog, Number, Place, Reader, Task};
use super::report::{Report, Reporter};
use super::stats::SinkStats;
use crate::incident::model::Record;
use crate::store::{LateStore, StoreError};
use crate::units::Counted;

/// Records of one transaction.
const BATCH: usize = 512;

/// How long where the sinks are may be unsaved: to save it takes as long as a record does.
const CURSORS_WITHIN: Duration = Duration::from_secs(1);

/// Between two tries with a store that fails.
const TRY_AGAIN: Duration = Duration::from_secs(5);

pub(super) struct StoreWriter {
    store: LateStore,
    backlog: Arc<Backlog>,
    place: Place,
    stats: Arc<SinkStats>,
    report: Reporter,
    /// The sinks have ended: save what there is and end.
    end: Arc<AtomicBool>,
    next: Number,
    failing: bool,
    /// It has been said that it will not work again by itself.
    denied: bool,
    /// Records that were gone from memory before they could be saved.
    missed: u64,
    /// Records that were saved without details.
    shrunk: u64,
}

impl StoreWriter {
    pub(super) fn new(
        store: LateStore,
        backlog: Arc<Backlog>,
        stats: Arc<SinkStats>,
        report: Reporter,
        end: Arc<AtomicBool>,
    ) -> Self {
        let next = backlog.next();
        let place = backlog.join(&AtomicU64::new(next), Reader::AtOnce);
        Self {
            store,
            backlog,
            place,
            stats,
            report,
            end,
            next,
            failing: false,
            denied: false,
            missed: 0,
            shrunk: 0,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            // Before a try that fails: one that began before the end is not the last.
            let is_last = self.end.load(Relaxed);
            let Self { backlog, place, next, end, .. } = &self;
            match backlog.unsaved(place, *next, BATCH, CURSORS_WITHIN, end) {
                Task::Save(first, records) => {
                    let end = first + records.len() as Number;
                    if self.save(first, &records) {
                        self.saved(end);
                        self.tell_shrunk(&records);
                    } else if is_last {
                        break;
                    } else {
                        self.backlog.pause_until(TRY_AGAIN, &self.end);
                    }
                }
                Task::Missed(front) => {
                    self.missed += front - self.next;
                    self.backlog.add_gap(self.next, front);
                    self.next = front;
                }
                Task::Cursors => {
                    if self.save(self.next, &[]) {
                        self.saved(self.next);
                    } else {
                        self.backlog.pause_until(TRY_AGAIN, &self.end);
                        self.backlog.moved_unsaved();
                    }
                }
                Task::Over => {
                    self.save(self.next, &[]);
                    break;
                }
            }
        }
        let unsaved = self.missed + self.backlog.next() - self.next;
        if unsaved > 0 {
            let said = format!("{} not saved", Counted(unsaved, "record"));
            (self.report)(Report::Store { said });
        }
    }

    fn save(&mut self, first: Number, records: &[Arc<Record>]) -> bool {
        let end = first + records.len() as Number;
        let counts = self.stats.counts();
        let kept = counts.iter().filter(|counts| counts.kept);
        let cursors: Vec<_> = kept
            .map(|counts| (counts.name.as_str(), counts.untold.load(Relaxed).min(end)))
            .collect();
        match self.store.save(first, records, &cursors) {
            Ok(said) => {
                for said in said {
                    (self.report)(Report::Store { said });
                }
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    /// The store has what comes before this.
    fn saved(&mut self, end: Number) {
        self.next = end;
        let worked = self.backlog.set_saved(end);
        self.succeeded(worked);
    }

    /// Once for a burst, when nothing waits.
    fn tell_shrunk(&mut self, records: &[Arc<Record>]) {
        let shrunk = records.iter().filter_map(|it| it.kill()).filter(|it| !it.shrunk.is_empty());
        self.shrunk += shrunk.count() as u64;
        if self.shrunk > 0 && self.next >= self.backlog.next() {
            let said =
                format!("{} shortened because memory was full", Counted(self.shrunk, "record"));
            self.shrunk = 0;
            (self.report)(Report::Store { said });
        }
    }

    fn failed(&mut self, error: &StoreError) {
        self.backlog.set_failing();
        let is_first = !std::mem::replace(&mut self.failing, true);
        let is_last = error.is_denied() && !std::mem::replace(&mut self.denied, true);
        if is_first || is_last {
            (self.report)(Report::StoreFailing { error });
        }
    }

    /// `worked` unless somebody was told that it did not.
    fn succeeded(&mut self, worked: bool) {
        (self.failing, self.denied) = (false, false);
        let missed = std::mem::take(&mut self.missed);
        if !worked || missed > 0 {
            let missed = match missed {
                0 => "no records are missing".to_owned(),
                missed => format!("{} not stored while it was down", Counted(missed, "record")),
            };
            (self.report)(Report::Store { said: format!("works again; {missed}") });
        }
    }
}
