//! What follows a shortage: the reaper's word, or the next one in which nobody can be killed.

use super::super::message::Reaped;
use super::super::open::Open;
use super::super::record::{Told, exit, failed};
use super::super::{Entry, Stamp};
use super::Parser;
use crate::incident::model::Record;

/// Seconds between two shortages in which nobody could be killed, for them to be one episode.
const EPISODE: u32 = 60;

/// Victims whose memory may come back.
const MAX_DYING: usize = 256;

/// A victim of which the reaper may speak.
#[derive(Debug)]
pub(super) struct Dying {
    incident: String,
    pid: u32,
    pub(super) tid: u32,
    at: Stamp,
}

impl Parser {
    /// Keeps the victims of an incident in mind.
    pub(super) fn remember(&mut self, open: &Open, records: &[Record]) {
        for kill in records.iter().filter_map(Record::kill) {
            let at = open.victims.iter().find(|victim| victim.killed.tid == kill.victim.tid);
            if self.dying.len() >= MAX_DYING {
                self.dying.pop_front();
            }
            self.dying.push_back(Dying {
                incident: kill.incident.clone(),
                pid: kill.victim.pid.unwrap_or(kill.victim.tid),
                tid: kill.victim.tid,
                at: at.map_or(open.start, |victim| victim.at),
            });
        }
    }

    /// One more shortage in which nobody could be killed.
    pub(super) fn fail(&mut self, open: Open) -> Vec<Record> {
        match &mut self.failed {
            Some(first) if is_like(first, &open) => {
                first.failures += open.failures;
                first.failed_at = open.failed_at;
                Vec::new()
            }
            _ => {
                let done = self.end_episode();
                self.failed = Some(open);
                done
            }
        }
    }

    pub(super) fn end_episode(&mut self) -> Vec<Record> {
        let Some(open) = self.failed.take() else { return Vec::new() };
        vec![failed(&Told::new(&open, &self.machine, self.boot.as_ref()))]
    }

    /// The reaper is done with a victim: of this incident, or of one before.
    pub(super) fn reaped(&mut self, reaped: Reaped, entry: &Entry<'_>) -> Vec<Record> {
        if !self.is_saved {
            return Vec::new();
        }
        if let Some(open) = &mut self.open
            && open.has_result()
        {
            open.reaped.push((reaped, entry.stamp));
            return Vec::new();
        }
        vec![self.exit(&reaped, entry.stamp, entry.host, entry.boot_id)]
    }

    /// What the reaper says of a victim, whose kill the log may have lost.
    pub(super) fn exit(
        &self,
        reaped: &Reaped,
        at: Stamp,
        host: Option<&str>,
        boot_id: Option<&str>,
    ) -> Record {
        let dying = self.dying.iter().rev().find(|dying| dying.tid == reaped.tid);
        let boot_id = boot_id.or(self.boot_id.as_deref());
        let mut open = Open::new(&Entry { boot_id, host, ..Entry::at(at) });
        open.start = at;
        let told = Told::new(&open, &self.machine, self.boot.as_ref());
        let kill = dying.map(|dying| {
            let Dying { incident, pid, tid: _, at: killed } = dying;
            (incident.as_str(), *pid, killed.until(at))
        });
        exit(&told, reaped, kill)
    }
}

/// Whether both shortages are of one episode.
fn is_like(first: &Open, next: &Open) -> bool {
    let limit = |open: &Open| open.dump.stats_for.as_ref().map(|(path, _)| path.clone());
    let trigger = |open: &Open| open.dump.header.as_ref().map(|it| it.comm.logged.clone());
    let same_limit = limit(first).zip(limit(next)).is_none_or(|(a, b)| a == b);
    same_limit
        && trigger(first) == trigger(next)
        && first.host == next.host
        && first.boot_id == next.boot_id
        && !first.failed_at.is_before(next.start, EPISODE)
}
