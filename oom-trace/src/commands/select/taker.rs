//! Each record that was read: whether it is handed on.

use jiff::Timestamp;

use super::before::Before;
use super::unmatched::Unmatched;
use super::{Selection, Told};
use crate::incident::model::Record;
use crate::kernel_log::reader::Seen;
use crate::sink::FilterState;
use crate::why;

/// Whoever takes the records wants no more.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(super) struct Ended(pub(super) anyhow::Error);

/// Takes records of all sources.
pub(super) struct Taker<'a> {
    pub(super) selection: &'a Selection,
    filter: FilterState,
    each: &'a mut dyn FnMut(Record, Option<&str>) -> anyhow::Result<()>,
    /// Which of several files is read.
    pub(super) file: Option<String>,
    before: Before,
    /// What was told already: one kill may be in several sources.
    pub(super) seen: Seen,
    pub(super) told: Told,
    pub(super) unmatched: Unmatched,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        selection: &'a Selection,
        each: &'a mut dyn FnMut(Record, Option<&str>) -> anyhow::Result<()>,
    ) -> Self {
        let filter = FilterState::new(selection.filter.clone());
        let (before, seen, told) = (Before::default(), Seen::default(), Told::default());
        let unmatched = Unmatched::new(&selection.filter);
        Self { selection, filter, each, file: None, before, seen, told, unmatched }
    }

    /// A record of a source that has each only once.
    pub(super) fn take(&mut self, record: Record) -> anyhow::Result<()> {
        let time = record.origin().time;
        self.take_of(record, time)
    }

    /// A record that was made of a log's lines: what came before it may be why.
    pub(super) fn take_logged(&mut self, mut record: Record) -> anyhow::Result<()> {
        let hint = self.before.note(&record);
        if let Record::OomKill(kill) = &mut record
            && let Some(why) = &mut kill.why
        {
            why.hints.splice(0..0, hint);
        }
        self.take(record)
    }

    /// A record that another source may have, too.
    pub(super) fn take_new(
        &mut self,
        record: Record,
        time: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        let is_one_of_many = self.selection.files.len() > 1;
        if is_one_of_many && !self.seen.is_new(&record) {
            return Ok(());
        }
        self.take_of(record, time)
    }

    /// Hands on a record of this time, if it is asked for.
    fn take_of(&mut self, record: Record, time: Option<Timestamp>) -> anyhow::Result<()> {
        let told = &mut self.told;
        self.unmatched.note(&record);
        // Before its time is looked at: whose end is told hangs on it.
        let is_asked_for = self.filter.takes(&record);
        let Selection { since, until, filter, .. } = self.selection;
        match time {
            Some(time) if since.is_some_and(|since| time < since) => {
                if is_asked_for {
                    told.note_before(&record, time);
                }
                return Ok(());
            }
            Some(time) if until.is_some_and(|until| time > until) => {
                told.after += u64::from(is_asked_for && record.kill().is_some());
                return Ok(());
            }
            _ if !is_asked_for => {
                told.filtered += u64::from(record.kill().is_some());
                return Ok(());
            }
            None if since.is_some() || until.is_some() => {
                told.timeless += 1;
                return Ok(());
            }
            _ => {}
        }
        told.taken += u64::from(!matches!(record, Record::Agent(_)) || !filter.types.is_empty());
        told.others += u64::from(matches!(record, Record::UserKill(_)));
        (self.each)(with_why(record), self.file.as_deref()).map_err(|error| Ended(error).into())
    }
}

/// A log does not say why; what it tells may.
fn with_why(record: Record) -> Record {
    match record {
        Record::OomKill(mut kill) => {
            if kill.why.is_none() {
                kill.why = why::explain(&kill);
            }
            Record::OomKill(kill)
        }
        record => record,
    }
}
