//! A span of time that is not accounted for, and why.

use jiff::Timestamp;

/// A span of time of which nobody knows whether something was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unproven {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// The two moments at which the kernel's count is known, which may be far apart; where it is not what
    /// tells, the same as the span.
    pub(crate) counted: (Timestamp, Timestamp),
    /// The second of them is now: what is missing may come yet.
    pub(crate) is_open: bool,
    pub(crate) why: Why,
}

impl Unproven {
    /// A span of which no count tells.
    pub(super) const fn uncounted(from: Timestamp, until: Timestamp, why: Why) -> Self {
        Self { from, until, counted: (from, until), is_open: false, why }
    }
}

/// Why nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is no record of that time.
    NoRecord,
    /// It was before the first boot that is known.
    BeforeBoot,
    /// The machine restarted; whether the agent had stopped before, or was there until the end.
    Restarted {
        /// It had said that it stops.
        stopped: bool,
    },
    /// Nothing later is known; whether the agent had stopped.
    Ended {
        /// It had said that it stops.
        stopped: bool,
    },
    /// The store has let go of records.
    Pruned,
    /// The kernel counted more kills than are told of.
    Missing {
        /// So many.
        kills: u64,
        /// What the agent did meanwhile.
        agent: AgentThen,
    },
    /// More kills are told of than the kernel counted.
    Surplus {
        /// So many.
        kills: u64,
    },
    /// There are records of which nobody knows whether they are of kills.
    Unsure {
        /// So many.
        records: u64,
    },
}

/// What the agent did in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgentThen {
    /// It ran all the time.
    Ran,
    /// It ran at first; whether it does now nobody asked.
    Began,
    /// Nothing was heard of one since the boot: it kept its records elsewhere, or there was none.
    Unheard,
    /// It had stopped.
    Stopped,
    /// It ended without a word: it was killed, or crashed.
    Vanished,
}
