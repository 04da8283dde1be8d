//! Shortages of which the log has whom the kernel chose, and not the line of the kill.

use super::super::Stamp;
use super::super::message::{Chose, Killed, Summary};
use super::super::open::{Open, Victim};
use super::super::record::{Told, kills};
use super::super::untold::Mention;
use super::Parser;
use crate::incident::model::Record;

/// Seconds within which the line of the kill may still come.
const DUE: u32 = 10;

/// More are told of at once.
const MOST: usize = 16;

impl Parser {
    /// Ends a shortage without a victim: whom the kernel chose is told of later, if nothing tells of the kill
    /// until then.
    pub(super) fn put_off(&mut self, open: Open) -> Vec<Record> {
        let is_told = |tid: u32| self.dying.iter().any(|dying| dying.tid == tid);
        if !self.is_saved || open.dump.chosen().is_none_or(is_told) {
            let (count, first) = match open.mentions {
                (0, _) if open.dump.is_described() || open.group.is_some() => (1, open.first),
                mentions => mentions,
            };
            self.untold.add(count, first.map(|first| Mention { unended: true, ..first }));
            return Vec::new();
        }
        self.chosen.push_back(open);
        match self.chosen.len() > MOST {
            true => self.tell_chosen(None, MOST),
            false => Vec::new(),
        }
    }

    /// The line of a kill was there after all.
    pub(super) fn decide(&mut self, tid: u32) {
        self.chosen.retain(|open| open.dump.chosen() != Some(tid));
    }

    /// Tells of those that are older than they may be, and of all but so many.
    pub(super) fn tell_chosen(&mut self, now: Option<Stamp>, most: usize) -> Vec<Record> {
        let mut done = Vec::new();
        while let Some(open) = self.chosen.front() {
            let is_late = now.is_some_and(|now| open.start.is_before(now, DUE));
            if !is_late && self.chosen.len() <= most {
                break;
            }
            let Some(mut open) = self.chosen.pop_front() else { break };
            let killed = match (&open.dump.summary, &open.dump.chose) {
                (Some(Summary { pid: Some(tid), task, uid, .. }), _) => {
                    Killed { tid: *tid, comm: task.clone(), uid: *uid, ..Killed::default() }
                }
                (_, Some(Chose { message, tid, comm, .. })) => {
                    Killed { message: *message, tid: *tid, comm: comm.clone(), ..Killed::default() }
                }
                _ => continue,
            };
            let at = open.start;
            open.begin_with(Victim::new(killed, at));
            open.is_chosen_only = true;
            let records = kills(&Told::new(&open, &self.machine, self.boot.as_ref()), false);
            self.remember(&open, &records);
            done.extend(records);
        }
        done
    }
}
