//! How bad it is, in syslog's words (RFC 5424 §6.2.1, table 2); the journal's are the same.

use crate::incident::model::{AgentEvent, ExitState, Record};

pub(super) fn severity(record: &Record) -> u8 {
    const EMERGENCY: u8 = 0;
    const CRITICAL: u8 = 2;
    const ERROR: u8 = 3;
    const WARNING: u8 = 4;
    const NOTICE: u8 = 5;
    const INFO: u8 = 6;
    match record {
        Record::OomPanic(_) => EMERGENCY,
        Record::OomKill(_) | Record::OomFailed(_) => CRITICAL,
        Record::UserKill(_) => ERROR,
        Record::OomExit(exit) => match exit.state {
            ExitState::Stuck => ERROR,
            ExitState::Freed => NOTICE,
        },
        Record::Agent(agent) => match agent.event {
            AgentEvent::Gap => ERROR,
            AgentEvent::Degraded => WARNING,
            AgentEvent::Started | AgentEvent::Stopped => INFO,
        },
    }
}
