//! Where a reader is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{Backlog, Number, ReadOutcome, Reader};

/// What a reader has not done with yet.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) key: u64,
    pub(super) next: Number,
    /// What the store has it reads there: only the rest stays in memory for it.
    pub(super) reads_store: bool,
}

impl Claim {
    /// From here on memory has to keep what there is; the store has what is before `saved`.
    pub(super) fn first(&self, saved: Number) -> Number {
        if self.reads_store { self.next.max(saved) } else { self.next }
    }
}

/// A reader's place: what it has not done with stays in memory while there is room, unless it reads
/// that from the store.
#[derive(Debug)]
pub(in crate::delivery) struct Place {
    backlog: Arc<Backlog>,
    key: u64,
    reader: Reader,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.backlog.lock();
        state.claims.retain(|claim| claim.key != self.key);
        state.release();
    }
}

impl Place {
    pub(super) fn new(backlog: Arc<Backlog>, key: u64, reader: Reader) -> Self {
        Self { backlog, key, reader }
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// It will take nothing for a while, and then read what the store has there.
    pub(in crate::delivery) fn let_go(&self) {
        let mut state = self.backlog.lock();
        if let Some(claim) = state.claims.iter_mut().find(|claim| claim.key == self.key) {
            claim.reads_store = true;
        }
        state.release();
    }

    /// Waits for records from `from` on, `most` of them, and no longer than `until`. All before is done
    /// with.
    pub(in crate::delivery) fn take(
        &self,
        from: Number,
        most: usize,
        until: Option<Instant>,
        wake: &AtomicBool,
    ) -> ReadOutcome {
        let Self { backlog, key, reader } = self;
        let mut state = backlog.lock();
        state.moved_to(*key, from);
        // How far the store was when the wait for it began.
        let mut waiting: Option<(Number, Instant)> = None;
        loop {
            if wake.swap(false, Relaxed) {
                return ReadOutcome::Woken;
            }
            let is_there = from < state.held.next();
            if from < state.end(*reader) || (state.closing && !is_there) {
                return state.read(from, most, *reader);
            }
            if !is_there {
                waiting = None;
                let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                state = match left {
                    Some(Duration::ZERO) => return ReadOutcome::Due,
                    Some(left) => backlog.wait_for(state, left),
                    None => backlog.wait(state),
                };
                continue;
            }
            let since = match waiting {
                Some((saved, since)) if saved == state.saved => since,
                _ => waiting.insert((state.saved, Instant::now())).1,
            };
            let left = backlog.patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                state.store_works = false;
                return ReadOutcome::Stalled;
            }
            state = backlog.wait_for(state, left);
        }
    }
}
