//! What kinds of records there are.

use serde::{Deserialize, Serialize};

use super::Record;

/// The `type` of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordType {
    /// A task was marked as victim of the OOM killer.
    OomKill,
    /// The kernel is about to panic for want of memory.
    OomPanic,
    /// Memory ran out, and nobody could be killed.
    OomFailed,
    /// A program killed another, or ran out of memory by itself.
    UserKill,
    /// The memory of a victim is back, or is not.
    OomExit,
    /// The agent speaks of itself.
    Agent,
}

impl From<&Record> for RecordType {
    fn from(record: &Record) -> Self {
        match record {
            Record::OomKill(_) => Self::OomKill,
            Record::OomPanic(_) => Self::OomPanic,
            Record::OomFailed(_) => Self::OomFailed,
            Record::UserKill(_) => Self::UserKill,
            Record::OomExit(_) => Self::OomExit,
            Record::Agent(_) => Self::Agent,
        }
    }
}
