//! What people are told of a record, whichever service tells them.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::super::Repeats;
use super::super::facts::{Value, facts};
use super::super::severity::Severity;
use crate::incident::model::{ExitState, OomExit, Record, RecordType, UserAction, Why};
use crate::quote::TaskLabel;
use crate::render::brief;
use crate::text::Escaped;
use crate::units::{Age, Counted};

/// Nothing in it acts on a terminal; each service's own markup is still to be escaped.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// [`Record::kind`].
    pub(super) kind: RecordType,
    /// What happened, where and to whom, in a line.
    pub(super) title: String,
    /// Why, and what to do.
    pub(super) why: Option<&'a Why>,
    pub(super) facts: Facts,
    pub(super) severity: Severity,
    pub(super) time: Option<Timestamp>,
    /// Empty if it is not known.
    pub(super) host: &'a str,
    /// Where, for those that put together what is of one place.
    pub(super) place: Option<String>,
}

/// What is known of a record, by the names that syslog's structured data has for it.
#[derive(Debug)]
pub(super) struct Facts(pub(super) Vec<(&'static str, String)>);

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// In a line.
impl Display for Facts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let gap = if index > 0 { "  " } else { "" };
            write!(f, "{gap}{name}: {value}")?;
        }
        Ok(())
    }
}

impl<'a> Message<'a> {
    pub(super) fn of(record: &'a Record, repeats: Option<&Repeats>) -> Self {
        let host = record.origin().host.as_deref().unwrap_or_default();
        let place = super::place(record, repeats);
        let told = title(record, &on(host));
        let title = match repeats {
            Some(repeats) => format!("{repeats}; the last: {told}"),
            None => told,
        };
        let facts = facts(record).filter_map(|(fact, value)| Some((fact.syslog?, shown(value))));
        Self {
            kind: RecordType::from(record),
            title,
            why: why(record),
            facts: Facts(facts.collect()),
            severity: Severity::of(record),
            time: record.origin().time,
            host,
            place,
        }
    }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.into_owned(),
        Value::Name(name) => Escaped(name.as_bytes()).to_string(),
        Value::Number(number) => number.to_string(),
    }
}

fn on(host: &str) -> String {
    if host.is_empty() { String::new() } else { format!(" on {}", Escaped(host.as_bytes())) }
}

fn title(record: &Record, on: &str) -> String {
    match record {
        Record::OomKill(kill) => format!("OOM kill{on}: {}", brief(kill)),
        Record::OomPanic(panic) => format!("Kernel panic{on}: {}", panic.message),
        Record::OomFailed(failed) => {
            let times = Counted(failed.failures, "time");
            let said = Escaped(failed.message.as_bytes());
            format!("Out of memory{on}, and nobody could be killed ({times}): {said}")
        }
        Record::UserKill(kill) => {
            let did = match kill.action {
                UserAction::Killed => "killed a process",
                UserAction::Evicted => "evicted a pod",
                UserAction::RanOut => "ran out of memory",
                UserAction::Reported => "reports an OOM kill",
            };
            let by = Escaped(kill.by.as_bytes());
            format!("{by} {did}{on}: {}", Escaped(kill.message.as_bytes()))
        }
        Record::OomExit(exit) => of_exit(exit, on),
        Record::Agent(agent) => format!("oom-trace{on}: {}", agent.message),
    }
}

fn of_exit(exit: &OomExit, on: &str) -> String {
    let OomExit { pid, tid, comm, state, freed_after_ms, stuck_for_ms, .. } = exit;
    let who = TaskLabel { comm: comm.as_ref(), pid: Some(*pid), tid: Some(*tid) };
    let after = |ms: &Option<u64>| ms.map(|ms| format!(" after {}", Age(ms))).unwrap_or_default();
    match state {
        ExitState::Freed => format!("Memory of {who} is back{on}{}", after(freed_after_ms)),
        ExitState::Stuck => format!("Memory of {who} is not back{on}{}", after(stuck_for_ms)),
    }
}

fn why(record: &Record) -> Option<&Why> {
    match record {
        Record::OomKill(kill) => kill.why.as_ref(),
        Record::OomPanic(panic) => panic.why.as_ref(),
        Record::OomFailed(failed) => failed.why.as_ref(),
        Record::UserKill(_) | Record::OomExit(_) | Record::Agent(_) => None,
    }
}
