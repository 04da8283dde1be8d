//! From the bytes of the ring buffer to typed records. Pure; bad input is an error, never a panic.
//!
//! What could not be read is `None` from here on: the bits that say so on the wire end here.

mod bytes;
mod freed;
mod incident;
mod names;
mod victim;

use oom_trace_common::record::{self, Header, kind};

pub use freed::{Freed, FreedBy};
pub use incident::{Candidate, Chosen, Frame, Incident, Level, Printed, Role, Trigger, Usage};
pub use names::Names;
pub use victim::{Command, Group, Parent, Path, Sharer, Victim};

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Shorter than its kind.
    #[error("a record of kind {kind} has only {len} bytes")]
    Short {
        /// Its kind, 0 if even that is missing.
        kind: u32,
        /// Its length.
        len: usize,
    },
    /// Of no known kind.
    #[error("no record is of kind {0}")]
    Kind(u32),
    /// Its parts do not lie within it.
    #[error("the parts of a record of kind {kind} do not fill it")]
    Parts {
        /// Its kind.
        kind: u32,
    },
}

/// One record.
#[derive(Debug, Clone)]
pub enum Event {
    /// A shortage, and a task was chosen.
    Incident(Box<Incident>),
    /// A shortage, and nobody was chosen.
    NoVictim(Box<Incident>),
    /// A marked task.
    Victim(Box<Victim>),
    /// A process signalled with the last victim.
    Sharer(Sharer),
    /// The cgroup that is killed as a whole.
    Group(Group),
    /// What the kernel prints of the limit cgroup.
    Printed(Printed),
    /// What the last victim was.
    Command(Box<Command>),
    /// The memory of a victim is back.
    Freed(Box<Freed>),
    /// No more victims of the incident with this id.
    End(u64),
}

/// Which hook made a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// A kprobe or kretprobe.
    #[default]
    Kprobe,
    /// An fentry or fexit program.
    Fentry,
    /// The raw tracepoint `oom/mark_victim`, or another.
    Tracepoint,
}

impl From<u32> for Source {
    fn from(source: u32) -> Self {
        match source {
            record::source::FENTRY => Self::Fentry,
            record::source::TRACEPOINT => Self::Tracepoint,
            _ => Self::Kprobe,
        }
    }
}

/// What the hooks and the stack say of a mark; see `oom_trace_common::record::outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Neither could tell.
    #[default]
    Unknown,
    /// Inside `__oom_kill_process`.
    Killed,
    /// Outside of it.
    AlreadyExiting,
}

impl From<u32> for Outcome {
    fn from(outcome: u32) -> Self {
        match outcome {
            record::outcome::KILLED => Self::Killed,
            record::outcome::ALREADY_EXITING => Self::AlreadyExiting,
            _ => Self::Unknown,
        }
    }
}

/// Pages of a process by kind; a number may be negative for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rss {
    /// `MM_FILEPAGES`
    pub file: Option<i64>,
    /// `MM_ANONPAGES`
    pub anon: Option<i64>,
    /// `MM_SWAPENTS`
    pub swap: Option<i64>,
    /// `MM_SHMEMPAGES`
    pub shmem: Option<i64>,
}

/// Reads one record.
///
/// # Errors
/// The bytes are no record.
pub fn decode(bytes: &[u8]) -> Result<Event, WireError> {
    let (header, _) = bytes::read::<Header>(bytes, 0)?;
    match header.kind {
        kind::INCIDENT => incident::decode(bytes, header.kind).map(Event::Incident),
        kind::NO_VICTIM => incident::decode(bytes, header.kind).map(Event::NoVictim),
        kind::PRINTED => incident::printed(bytes).map(Event::Printed),
        kind::VICTIM => victim::victim(bytes).map(Event::Victim),
        kind::SHARER => victim::sharer(bytes).map(Event::Sharer),
        kind::GROUP => victim::group(bytes).map(Event::Group),
        kind::COMMAND => victim::command(bytes).map(Event::Command),
        kind::FREED => freed::freed(bytes).map(Event::Freed),
        kind::END => {
            bytes::read::<record::End>(bytes, kind::END).map(|_| Event::End(header.incident))
        }
        other => Err(WireError::Kind(other)),
    }
}

#[cfg(test)]
mod tests;
