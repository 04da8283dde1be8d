//! What those who wait at the backlog are to do next.

use std::sync::Arc;

use super::held::Number;
use crate::incident::model::Record;

/// What a read of the backlog ended with: what the reader is to do next.
#[derive(Debug)]
pub(in crate::delivery) enum ReadOutcome {
    /// Take these; the number is the first one's.
    Records(Number, Vec<Arc<Record>>),
    /// What it waits for is no longer in memory; this is the first number that is.
    Behind(Number),
    /// Look at its signals.
    Woken,
    /// It is the time until which it would wait.
    Due,
    /// The store has not saved what it waits for, for so long that it goes on without.
    Stalled,
    /// There is nothing left, and nothing will come.
    Over,
}

/// What the store is to do next.
#[derive(Debug)]
pub(in crate::delivery) enum Task {
    /// Save these; the number is the first one's.
    Save(Number, Vec<Arc<Record>>),
    /// Records were gone before they could be saved; this is the first number that is not.
    Missed(Number),
    /// Save how far the sinks are.
    Cursors,
    /// There is nothing left, and it is to end.
    Over,
}

/// What a wait ended with.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::delivery) enum WaitOutcome {
    Passed,
    Woken,
    Closing,
}
