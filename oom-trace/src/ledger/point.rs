//! A moment of which something is known: the kernel's count, and what the agent did from there on.

use super::unproven::AgentThen;
use crate::incident::model::AgentEvent;

/// A moment at which the kernel's count is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// Nanoseconds since boot.
    pub(crate) ns: u64,
    /// How many kills the kernel had counted; `None` in records of older agents.
    pub(crate) count: Option<u64>,
    /// What tells.
    pub(crate) sign: Sign,
}

impl Point {
    /// A boot's first moment: nothing was counted yet.
    pub(super) const BOOT: Self = Self { ns: 0, count: Some(0), sign: Sign::Boot };

    pub(super) fn is_goodbye(&self) -> bool {
        self.sign == Sign::Agent(AgentEvent::Stopped)
    }
}

/// What tells of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The boot: nothing was counted yet.
    Boot,
    /// The agent said something.
    Agent(AgentEvent),
    /// It is now.
    Now,
}

/// What the agent did between two signs that follow each other.
pub(super) const fn agent(before: Sign, after: Sign) -> AgentThen {
    let is_running =
        matches!(before, Sign::Agent(AgentEvent::Started | AgentEvent::Degraded | AgentEvent::Gap));
    match (is_running, before, after) {
        (false, Sign::Boot, _) => AgentThen::Unheard,
        (false, ..) => AgentThen::Stopped,
        (true, _, Sign::Agent(AgentEvent::Started)) => AgentThen::Vanished,
        (true, _, Sign::Now) => AgentThen::Began,
        (true, ..) => AgentThen::Ran,
    }
}
