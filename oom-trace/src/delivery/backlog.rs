//! The records that somebody still has to take. All sinks and the store read the same ones, each at
//! its own pace, so that one which is stuck costs nothing but the room that there is for all.

mod held;
mod outcome;
mod place;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::held::Held;
use self::place::Claim;
use crate::incident::model::Record;

#[cfg(test)]
pub(super) use self::held::LEAST;
pub(crate) use self::held::Number;
pub(super) use self::outcome::{ReadOutcome, Task, WaitOutcome};
pub(super) use self::place::Place;

/// How long a record waits for a store that does not answer: a disk may stall for want of memory.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// So many records may wait for the store before whoever can wait is told to.
const UNSAVED: Number = 256;

/// Outages of the store that are told apart.
const GAPS: usize = 64;

/// Records in memory, bounded.
#[derive(Debug)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
    patience: Duration,
}

#[derive(Debug)]
struct State {
    held: Held,
    /// Of each reader.
    claims: Vec<Claim>,
    keys: u64,
    /// The store has those before this.
    saved: Number,
    /// Whether it works: then there are readers that wait for it.
    store_works: bool,
    /// From one number to before another: gone from memory before they could be saved.
    gaps: Vec<(Number, Number)>,
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

impl State {
    fn end(&self, reader: Reader) -> Number {
        match reader {
            Reader::AfterStore if self.store_works => self.saved.min(self.held.next()),
            Reader::AtOnce | Reader::AfterStore => self.held.next(),
        }
    }

    fn read(&self, from: Number, most: usize, reader: Reader) -> ReadOutcome {
        let end = self.end(reader);
        let front = self.held.front();
        if from >= end {
            ReadOutcome::Over
        } else if from < front {
            ReadOutcome::Behind(front)
        } else {
            let most = most.min(usize::try_from(end - from).unwrap_or(usize::MAX));
            ReadOutcome::Records(from, self.held.from(from, most))
        }
    }

    /// A reader has done with what is before this; what all have done with goes.
    fn moved_to(&mut self, key: u64, next: Number) {
        let front = self.held.front();
        if let Some(claim) = self.claims.iter_mut().find(|claim| claim.key == key) {
            claim.next = claim.next.max(next);
            claim.reads_store = claim.next < front;
        }
        self.release();
    }

    fn release(&mut self) {
        let first = self.claims.iter().map(|claim| claim.first(self.saved)).min();
        self.held.release(first.unwrap_or(self.held.next()));
    }
}

impl Backlog {
    /// With room for so many bytes; the first record will have this number. With a store, the ones
    /// before it are saved. `patience` is how long a record waits for a store that does not answer.
    pub(super) fn new(bound: usize, next: Number, has_store: bool, patience: Duration) -> Self {
        let state = State {
            held: Held::new(bound, next),
            claims: Vec::new(),
            keys: 0,
            saved: next,
            store_works: has_store,
            gaps: Vec::new(),
            moved: false,
            closing: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), patience }
    }

    /// One more reader, which goes on where this says. While it is, no other one moves on.
    pub(super) fn join(self: &Arc<Self>, at: &AtomicU64, reader: Reader) -> Place {
        let mut state = self.lock();
        state.keys += 1;
        let (key, next) = (state.keys, at.load(Relaxed));
        let reads_store = next < state.held.front();
        state.claims.push(Claim { key, next, reads_store });
        Place::new(Arc::clone(self), key, reader)
    }

    /// Adds a record. Waits for nobody. If there is no room for it, what is saved makes room, then
    /// details, then the oldest record: whoever still needs that finds it in the store, or misses it.
    pub(super) fn push(&self, record: Arc<Record>) {
        let mut state = self.lock();
        state.held.push(record);
        let saved = state.saved;
        state.held.make_room(saved);
        state.release();
        // Who is woken would only wait for this.
        drop(state);
        self.changed.notify_all();
    }

    /// How many bytes there may be from now on.
    pub(super) fn set_bound(&self, bytes: usize) {
        let mut state = self.lock();
        let front = state.held.front();
        state.held.set_bound(bytes);
        let saved = state.saved;
        state.held.make_room(saved);
        let has_let_go = state.held.front() != front;
        drop(state);
        // This is asked for at each kill, and what waits mostly stays.
        if has_let_go {
            self.changed.notify_all();
        }
    }

    /// The first number that is in memory, or would be.
    pub(super) fn front(&self) -> Number {
        self.lock().held.front()
    }

    /// The number that the next record will have.
    pub(super) fn next(&self) -> Number {
        self.lock().held.next()
    }

    /// Bytes in memory, as [`Record::weight`] estimates them.
    pub(super) fn used(&self) -> usize {
        self.lock().held.used()
    }

    /// Records that lost details for want of room.
    pub(super) fn shrunk(&self) -> u64 {
        self.lock().held.shrunk()
    }

    /// Waits for what the store has to save: records from its place on, or how far the sinks are,
    /// which may wait `within`. It is over when there is nothing left and it is to end.
    pub(super) fn unsaved(
        &self,
        place: &Place,
        from: Number,
        most: usize,
        within: Duration,
        end: &AtomicBool,
    ) -> Task {
        let mut state = self.lock();
        state.moved_to(place.key(), from);
        let mut moved: Option<Instant> = None;
        loop {
            match state.read(from, most, Reader::AtOnce) {
                ReadOutcome::Records(first, records) => {
                    state.moved = false;
                    return Task::Save(first, records);
                }
                ReadOutcome::Behind(front) => return Task::Missed(front),
                ReadOutcome::Woken
                | ReadOutcome::Due
                | ReadOutcome::Stalled
                | ReadOutcome::Over
                    if end.load(Relaxed) =>
                {
                    return Task::Over;
                }
                ReadOutcome::Woken
                | ReadOutcome::Due
                | ReadOutcome::Stalled
                | ReadOutcome::Over => {}
            }
            if !state.moved {
                state = self.wait(state);
                continue;
            }
            let since = *moved.get_or_insert_with(Instant::now);
            let left = within.saturating_sub(since.elapsed());
            if left.is_zero() {
                state.moved = false;
                return Task::Cursors;
            }
            state = self.wait_for(state, left);
        }
    }

    /// Tells the readers how far the store is; whether it was taken to work before.
    pub(super) fn set_saved(&self, saved: Number) -> bool {
        let mut state = self.lock();
        state.saved = saved;
        state.release();
        let worked = std::mem::replace(&mut state.store_works, true);
        drop(state);
        self.changed.notify_all();
        worked
    }

    /// Tells the readers that the store does not work.
    pub(super) fn set_failing(&self) {
        self.lock().store_works = false;
        self.changed.notify_all();
    }

    /// The store will never have these, from one number to before another.
    pub(super) fn add_gap(&self, from: Number, to: Number) {
        let gaps = &mut self.lock().gaps;
        let is_full = gaps.len() >= GAPS;
        match gaps.last_mut().filter(|last| is_full || last.1 == from) {
            Some(last) => last.1 = to,
            None => gaps.push((from, to)),
        }
    }

    /// How many records the store lacks between two numbers.
    pub(super) fn lacking(&self, from: Number, to: Number) -> u64 {
        let within = |gap: &(Number, Number)| gap.1.min(to).saturating_sub(gap.0.max(from));
        self.lock().gaps.iter().map(within).sum()
    }

    /// Records that the store does not have yet.
    pub(super) fn unsaved_count(&self) -> u64 {
        let state = self.lock();
        state.held.next().saturating_sub(state.saved)
    }

    /// Whether the store works, as far as is known.
    pub(super) fn store_works(&self) -> bool {
        self.lock().store_works
    }

    /// Waits until the store works and has saved most of what there is; `false` if the end came first.
    pub(super) fn wait_for_store(&self) -> bool {
        let state = self.lock();
        let is_behind = |state: &mut State| {
            let unsaved = state.held.next().saturating_sub(state.saved);
            !state.closing && (!state.store_works || unsaved >= UNSAVED)
        };
        let state = self.changed.wait_while(state, is_behind);
        !state.unwrap_or_else(PoisonError::into_inner).closing
    }

    /// Tells the store that a sink has moved on.
    pub(super) fn moved(&self) {
        let mut state = self.lock();
        if state.store_works && !state.moved {
            state.moved = true;
            self.changed.notify_all();
        }
    }

    /// Where the sinks are is still to be saved: what was tried has failed.
    pub(super) fn moved_unsaved(&self) {
        self.lock().moved = true;
    }

    /// Waits for a while, less if there is something to do.
    pub(super) fn pause(&self, duration: Duration, wake: &AtomicBool) -> WaitOutcome {
        let state = self.lock();
        let idle = |state: &mut State| !state.closing && !wake.load(Relaxed);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, duration, idle)
            .unwrap_or_else(PoisonError::into_inner);
        match (state.closing, wake.load(Relaxed)) {
            (true, _) => WaitOutcome::Closing,
            (false, true) => WaitOutcome::Woken,
            (false, false) => WaitOutcome::Passed,
        }
    }

    /// Waits for a while, less if `end` comes.
    pub(super) fn pause_until(&self, duration: Duration, end: &AtomicBool) {
        let idle = |_: &mut State| !end.load(Relaxed);
        let waited = self.changed.wait_timeout_while(self.lock(), duration, idle);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
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

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'a>(
        &self,
        state: MutexGuard<'a, State>,
        duration: Duration,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, duration).unwrap_or_else(PoisonError::into_inner).0
    }

    /// What a thread that panicked left behind is whole: nothing here stops halfway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
