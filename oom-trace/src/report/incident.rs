//! A line of each incident.

use std::sync::Arc;

use jiff::Timestamp;

use super::back::Back;
use super::kept::Kept;
use super::place::Kind;

/// Text that is escaped for a terminal, and kept once.
pub(super) type Name = Arc<str>;

/// What became of a shortage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The kernel chose a victim.
    Kill,
    /// The kernel panicked.
    Panic,
    /// It found nobody to kill.
    Failed,
    /// It was not the kernel: who it was.
    Program(Name),
}

/// A shortage and what it came to: a group kill is one, however many died.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    /// The id of its first record.
    pub(super) id: String,
    /// Wall-clock time.
    pub(super) time: Option<Timestamp>,
    /// Time since boot, in nanoseconds.
    pub(super) boot_ns: Option<u64>,
    /// The machine.
    pub(super) host: Option<Name>,
    /// What became of it.
    pub(super) what: What,
    /// `comm` of the first victim.
    pub(super) process: Option<Name>,
    /// Its pid.
    pub(super) pid: Option<u32>,
    /// What kind of place it ran in, and which.
    pub(super) place: Option<(Kind, Name)>,
    /// Whose memory ran out.
    pub(super) limit: Option<Name>,
    /// Whether it is a cgroup's.
    pub(super) is_of_limit: bool,
    /// How large that was, in bytes.
    pub(super) limit_bytes: Option<u64>,
    /// What the first victim had resident, in bytes.
    pub(super) held: Option<u64>,
    /// Whether somebody caused it to try the agent.
    pub(super) is_test: bool,
    /// Whether it is listed and not counted.
    pub(super) is_aside: bool,
    /// How many processes were killed.
    pub(super) killed: u32,
    /// How many were marked while they were exiting already.
    pub(super) marked: u32,
    /// When the memory of all of them was back.
    pub(super) back: Option<Back>,
    /// Its record, of the newest.
    pub(super) full: Option<Box<Kept>>,
}

impl Incident {
    /// Who died, or ran out: the place, else the process.
    pub(super) fn who(&self) -> Option<&Name> {
        self.place.as_ref().map(|(_, name)| name).or(self.process.as_ref())
    }

    /// Whether the kernel killed anybody.
    pub(super) fn is_kill(&self) -> bool {
        self.what == What::Kill && self.killed > 0
    }

    /// Whether it is one of the kills that the report is about.
    pub(super) fn counts(&self) -> bool {
        self.is_kill() && !self.is_aside
    }
}
