//! A sink whose records memory has no longer: it reads on from the store.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::{Number, Report, Worker};
use crate::incident::model::Record;
use crate::store::{Archive, BATCH_BYTES, StoreError};

/// A record, and how many before it are nowhere.
struct Kept {
    number: Number,
    record: Record,
    lost: u64,
}

impl Worker {
    /// Delivers what the store has from before `front`; what is nowhere is counted. `false` if it is the
    /// end and that could not be done.
    pub(super) fn catch_up(&mut self, front: Number, most: usize) -> bool {
        let Some(found) = self.kept(front, most) else { return false };
        let Some(last) = found.last() else {
            self.counts.lost(front - self.at);
            self.move_to(front);
            return true;
        };
        self.taken = last.number + 1;
        for Kept { number, record, lost } in found {
            self.counts.lost(lost);
            self.move_to(number);
            if !self.pass_on(number, &[Arc::new(record)]) {
                return false;
            }
        }
        true
    }

    /// Waits for a store that cannot be read, as long as there is hope; `None` if it is the end.
    fn kept(&mut self, front: Number, most: usize) -> Option<Vec<Kept>> {
        let begun = Instant::now();
        let mut is_last = false;
        loop {
            match self.read_kept(front, most) {
                Ok(found) => {
                    self.progress.pauses = None;
                    return Some(found);
                }
                Err(error) => self.cannot_read(&error),
            }
            if is_last {
                return None;
            }
            if begun.elapsed() >= self.patience {
                return Some(Vec::new());
            }
            is_last = !self.wait();
        }
    }

    fn read_kept(&mut self, front: Number, most: usize) -> Result<Vec<Kept>, StoreError> {
        let Some(archive) = &mut self.archive else { return Ok(Vec::new()) };
        let found = archive.from(self.at, front, most, BATCH_BYTES)?;
        let mut next = None;
        let with_lost = |(number, record)| {
            let lost = match next.replace(number + 1) {
                None => number - self.at,
                // Other numbers between are of no record: a record that was there already has two.
                Some(next) => self.backlog.lacking(next, number) + archive.gone(next, number)?,
            };
            Ok(Kept { number, record, lost })
        };
        found.into_iter().map(with_lost).collect()
    }

    /// What the store let go of while this was away is lost by now, and waits no longer.
    pub(super) fn give_up_what_is_gone(&mut self) {
        let (taken, front) = (self.taken, self.backlog.front());
        let Some(archive) = self.archive.as_mut().filter(|_| taken < front) else { return };
        let lost = |archive: &mut Archive| {
            let first = archive.first(taken, front)?.unwrap_or(front);
            let later = self.backlog.lacking(first, front) + archive.gone(first, front)?;
            Ok::<_, StoreError>(first - taken + later)
        };
        // One that cannot be read now is said to be so once its records are needed.
        if let Ok(lost) = lost(archive) {
            self.counts.give_up(lost);
        }
    }

    /// Once for a streak.
    fn cannot_read(&mut self, error: &StoreError) {
        let Self { counts, sink, .. } = self;
        counts.failed_with(&error.to_string());
        if !counts.failing.swap(true, Relaxed) {
            (self.report)(Report::Unreadable { sink: sink.name(), error });
        }
    }
}
