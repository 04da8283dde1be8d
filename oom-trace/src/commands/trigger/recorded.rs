//! The record that a running agent makes of the kill.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Killed, TriggerError};
use crate::commands::select::agent;
use crate::incident::model::{OomKill, Record};
use crate::store::{Archive, BATCH_BYTES};
use crate::units::{Counted, Joined};

/// How long a record may take; it is saved within a second or so, or never.
const RECORD_WITHIN: Duration = Duration::from_secs(10);

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Records that are read at once.
const BATCH: usize = 512;

/// The agent that runs here, and its store.
#[derive(Debug)]
pub(super) struct Agent {
    pid: i32,
    store: Option<(PathBuf, u64)>,
}

impl Agent {
    /// Before the kill: what it records from here on is looked at.
    pub(super) fn running() -> Option<Self> {
        let (pid, store) = agent()?;
        let store = store.and_then(|path| {
            let next = Archive::at(&path).next_number().ok()?;
            Some((path, next))
        });
        Some(Self { pid, store })
    }

    /// What it recorded of these victims, in a line.
    pub(super) fn record_of(self, killed: &Killed) -> Result<String, TriggerError> {
        let Self { pid, store } = self;
        let Some((path, from)) = store else {
            return Ok(format!(
                "an agent is running (pid {pid}) that keeps no records: look for this kill in its output"
            ));
        };
        let (mut archive, mut next) = (Archive::at(&path), from);
        let mut left = killed.pids.clone();
        let mut found = Vec::new();
        let deadline = Instant::now() + RECORD_WITHIN;
        loop {
            let end = archive.next_number()?;
            for (number, record) in archive.from(next, end, BATCH, BATCH_BYTES)? {
                next = number + 1;
                let kill = record.kill();
                if let Some(victim) = kill.and_then(|kill| {
                    left.iter().position(|pid| kill.victim.ids().contains(&Some(*pid)))
                }) {
                    left.swap_remove(victim);
                    found.push(record);
                }
            }
            let Some(&victim) = left.first() else { return Ok(found_all(pid, &found)) };
            if Instant::now() >= deadline {
                let seconds = RECORD_WITHIN.as_secs();
                return Err(TriggerError::NotRecorded { agent: pid, victim, seconds });
            }
            if next >= end {
                sleep(LOOK_AGAIN);
            }
        }
    }
}

fn found_all(agent: i32, found: &[Record]) -> String {
    let what = match found.len() {
        1 => "it".to_owned(),
        many => Counted(many as u64, "victim").to_string(),
    };
    let ids: Vec<_> = found.iter().map(Record::id).collect();
    let lacking = found.iter().find_map(Record::kill).map(lacking).unwrap_or_default();
    let without = if lacking.is_empty() {
        "complete".to_owned()
    } else {
        format!("without {} (see `oom-trace check`)", lacking.join(", "))
    };
    format!("the running agent (pid {agent}) recorded {what}: {}, {without}", Joined(&ids, ", "))
}

/// What a record of the hooks has, and this one has not.
fn lacking(kill: &OomKill) -> Vec<&'static str> {
    let OomKill { shortage, victim, candidates, .. } = kill;
    let limit = shortage.limit.as_ref();
    [
        ("trigger", shortage.trigger.is_some()),
        ("limit.max_bytes", limit.is_none_or(|limit| limit.max_bytes.is_some())),
        ("victim.badness", victim.badness.is_some()),
        ("victim.argv", victim.argv.is_some()),
        ("victim.cgroup", victim.cgroup.is_some()),
        ("victim.memory", victim.memory.resident().is_some()),
        ("candidates", candidates.is_some()),
        ("stack", shortage.stack.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| (!is_there).then_some(name))
    .collect()
}
