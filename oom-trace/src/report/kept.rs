//! What is kept of an incident that is told in full.

use crate::incident::model::Record;

/// The record of an incident, and who else died in it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// That of its first victim.
    pub(super) record: Record,
    /// The others.
    pub(super) others: Vec<Other>,
    /// How many more there were.
    pub(super) more: usize,
}

/// Another victim of a group kill.
#[derive(Debug, Clone)]
pub(super) struct Other {
    /// Its `comm`, escaped.
    pub(super) process: Option<String>,
    /// Its pid.
    pub(super) pid: u32,
    /// What it had resident, in bytes.
    pub(super) held: Option<u64>,
}
