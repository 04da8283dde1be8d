//! The records that somebody still has to take, numbered. All sinks and the store read the same ones,
//! each at its own pace, so that one which is stuck costs nothing.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::incident::model::Record;

/// A record's number. Over restarts they go on where the store has them from.
pub(crate) type Number = u64;

/// How long a record waits for a store that does not answer: a disk may stall for want of memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records in memory, bounded.
#[derive(Debug)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    recent: VecDeque<Arc<Record>>,
    capacity: usize,
    /// The number of the first of them.
    front: Number,
    /// The store has those before this; `None` where there is no store that works.
    saved: Option<Number>,
    /// Sinks have moved on since the store last asked.
    moved: bool,
    closing: bool,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Whatever comes, as it comes.
    AtOnce,
    /// What the store has, while it works: so that nothing is delivered of which the agent would know
    /// nothing after it was killed.
    AfterStore,
}

/// What a reader is to do next.
#[derive(Debug)]
pub(super) enum Turn {
    /// Take these; the number is the first one's.
    Records(Number, Vec<Arc<Record>>),
    /// What it waits for is no longer in memory; this is the first number that is.
    Behind(Number),
    /// Look at its signals.
    Woken,
    /// The store has not saved what it waits for, for so long that it goes on without.
    Stalled,
    /// There is nothing left, and nothing will come.
    Over,
}

/// What a pause ended with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pause {
    Passed,
    Woken,
    Closing,
}

impl State {
    fn next(&self) -> Number {
        self.front + self.recent.len() as Number
    }

    fn end(&self, reader: Reader) -> Number {
        let saved = self.saved.filter(|_| reader == Reader::AfterStore);
        saved.map_or(self.next(), |saved| saved.min(self.next()))
    }

    fn turn(&self, from: Number, most: usize, reader: Reader) -> Turn {
        let end = self.end(reader);
        if from >= end {
            return Turn::Over;
        }
        let Some(skip) = from.checked_sub(self.front) else { return Turn::Behind(self.front) };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let most = most.min(usize::try_from(end - from).unwrap_or(usize::MAX));
        Turn::Records(from, self.recent.iter().skip(skip).take(most).cloned().collect())
    }
}

impl Backlog {
    /// With room for so many, of which the first will have this number. With a store, the ones before
    /// it are saved.
    pub(super) fn new(capacity: usize, next: Number, has_store: bool) -> Self {
        let state = State {
            recent: VecDeque::with_capacity(capacity),
            capacity,
            front: next,
            saved: has_store.then_some(next),
            moved: false,
            closing: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a record. The oldest one makes room for it; whoever still needs that finds it in the
    /// store, or misses it.
    pub(super) fn push(&self, record: Arc<Record>) {
        let mut state = self.lock();
        if state.recent.len() == state.capacity {
            state.recent.pop_front();
            state.front += 1;
        }
        state.recent.push_back(record);
        self.changed.notify_all();
    }

    /// The number that the next record will have.
    pub(super) fn next(&self) -> Number {
        self.lock().next()
    }

    /// Waits for records from `from` on, `most` of them.
    pub(super) fn take(
        &self,
        from: Number,
        most: usize,
        reader: Reader,
        wake: &AtomicBool,
    ) -> Turn {
        let mut state = self.lock();
        let (mut saved, mut since) = (state.saved, Instant::now());
        loop {
            if wake.swap(false, Relaxed) {
                return Turn::Woken;
            }
            let is_there = from < state.next();
            if from < state.end(reader) || (state.closing && !is_there) {
                return state.turn(from, most, reader);
            }
            if !is_there || state.saved != saved {
                (saved, since) = (state.saved, Instant::now());
            } else if since.elapsed() >= PATIENCE {
                state.saved = None;
                return Turn::Stalled;
            }
            state = if is_there {
                let left = PATIENCE.saturating_sub(since.elapsed());
                let woken = self.changed.wait_timeout(state, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// Waits for what the store has to save: records from `from` on, or sinks that have moved on.
    /// `None` for the latter. It is over when there is nothing left and it is to end.
    pub(super) fn unsaved(&self, from: Number, most: usize, end: &AtomicBool) -> Option<Turn> {
        let state = self.lock();
        let idle = |state: &mut State| from >= state.next() && !state.moved && !end.load(Relaxed);
        let mut state =
            self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if from < state.next() || end.load(Relaxed) {
            return Some(state.turn(from, most, Reader::AtOnce));
        }
        state.moved = false;
        None
    }

    /// Tells the readers how far the store is, or that it does not work; whether it was taken to
    /// work before.
    pub(super) fn set_saved(&self, saved: Option<Number>) -> bool {
        let before = std::mem::replace(&mut self.lock().saved, saved);
        self.changed.notify_all();
        before.is_some()
    }

    /// Tells the store that a sink has moved on.
    pub(super) fn moved(&self) {
        let mut state = self.lock();
        if state.saved.is_some() && !state.moved {
            state.moved = true;
            self.changed.notify_all();
        }
    }

    /// Waits for a while, less if there is something to do.
    pub(super) fn pause(&self, duration: Duration, wake: &AtomicBool) -> Pause {
        let state = self.lock();
        let idle = |state: &mut State| !state.closing && !wake.load(Relaxed);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, duration, idle)
            .unwrap_or_else(PoisonError::into_inner);
        match (state.closing, wake.load(Relaxed)) {
            (true, _) => Pause::Closing,
            (false, true) => Pause::Woken,
            (false, false) => Pause::Passed,
        }
    }

    /// Has a reader look at its signals.
    pub(super) fn wake(&self, wake: &AtomicBool) {
        let state = self.lock();
        wake.store(true, Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing will come.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// What a thread that panicked left behind is whole: nothing here stops halfway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    fn record() -> Arc<Record> {
        let [(_, record), ..] = fixtures::all();
        Arc::new(record)
    }

    /// As a disk does while there is no memory to write with.
    #[test]
    fn a_store_that_does_not_answer_holds_nobody_for_long() {
        let (backlog, wake) = (Backlog::new(4, 1, true), AtomicBool::new(false));
        let take = |from| backlog.take(from, 4, Reader::AfterStore, &wake);
        backlog.push(record());
        backlog.push(record());
        assert!(backlog.set_saved(Some(2)));
        assert!(matches!(take(1), Turn::Records(1, records) if records.len() == 1));
        assert!(matches!(take(2), Turn::Stalled));
        assert!(matches!(take(2), Turn::Records(2, records) if records.len() == 1));
        backlog.push(record());
        assert!(matches!(take(3), Turn::Records(3, _)));
        // It answers again.
        assert!(!backlog.set_saved(Some(4)));
        backlog.push(record());
        backlog.wake(&wake);
        assert!(matches!(take(4), Turn::Woken));
        assert!(matches!(take(4), Turn::Stalled));
    }
}
