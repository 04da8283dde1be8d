//! How bad it is.

use crate::incident::model::{AgentEvent, ExitState, Outcome, Record};

/// As syslog grades it (RFC 5424 §6.2.1, table 2); the journal's priorities are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Severity {
    Emergency = 0,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

impl Severity {
    pub(super) fn of(record: &Record) -> Self {
        match record {
            Record::OomPanic(_) => Self::Emergency,
            // Memory ran out, but nothing was killed for it.
            Record::OomKill(kill) if kill.outcome == Some(Outcome::AlreadyExiting) => Self::Warning,
            Record::OomKill(_) | Record::OomFailed(_) => Self::Critical,
            Record::UserKill(_) => Self::Error,
            Record::OomExit(exit) => match exit.state {
                ExitState::Stuck => Self::Error,
                ExitState::Freed => Self::Notice,
            },
            Record::Agent(agent) => match agent.event {
                AgentEvent::Gap => Self::Error,
                AgentEvent::Degraded => Self::Warning,
                AgentEvent::Started | AgentEvent::Stopped => Self::Info,
            },
        }
    }

    pub(super) const fn syslog(self) -> u8 {
        self as u8
    }

    /// RFC 5424's word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "informational",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn what_killed_nobody_is_less_than_a_kill() {
        let graded = |outcome| {
            let mut kill = fixtures::memcg();
            kill.outcome = outcome;
            Severity::of(&Record::OomKill(Box::new(kill)))
        };
        // Whom no probe saw may well have been killed.
        assert_eq!(graded(None), Severity::Critical);
        assert_eq!(graded(Some(Outcome::Killed)), Severity::Critical);
        assert_eq!(graded(Some(Outcome::AlreadyExiting)), Severity::Warning);
    }
}
