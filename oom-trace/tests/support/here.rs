//! Kills on the kernel that runs the tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::agent::oom_trace;

/// One agent at a time.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Causes a kill, and answers whose.
pub(crate) fn trigger() -> u64 {
    let output = oom_trace(&["trigger"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let line = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = line.split_once(" process ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}
