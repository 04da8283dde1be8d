//! Records in order of time: the newest of them, or the newest first.

use std::io;

use jiff::Timestamp;

use super::Shown;
use crate::incident::model::{OomExit, Record};
use crate::render::Format;

/// How many more than asked for are kept before they are sorted again.
const SLACK: usize = 1024;

/// One record, as it is printed; with the end of its victim behind it.
#[derive(Debug)]
struct Entry {
    time: Option<Timestamp>,
    key: Option<(String, u32)>,
    text: Vec<u8>,
}

/// The records that are to be printed.
#[derive(Debug)]
pub(super) struct Gathered {
    most: Option<usize>,
    reverse: bool,
    entries: Vec<Entry>,
}

impl Gathered {
    pub(super) const fn new(most: Option<usize>, reverse: bool) -> Self {
        Self { most, reverse, entries: Vec::new() }
    }

    pub(super) fn take(
        &mut self,
        record: &Record,
        file: Option<&str>,
        shown: Shown,
    ) -> io::Result<()> {
        if let Record::OomExit(exit) = record
            && let Some(entry) = self.entry_of(exit)
        {
            // People read it below its kill, which names the file.
            let file = file.filter(|_| shown.format != Format::Text);
            return shown.append(record, file, &mut entry.text);
        }
        let mut text = Vec::new();
        shown.append(record, file, &mut text)?;
        if text.is_empty() {
            return Ok(());
        }
        let key = record.kill().map(|kill| (kill.incident.clone(), kill.victim.tid));
        self.entries.push(Entry { time: record.origin().time, key, text });
        if self.most.is_some_and(|most| self.entries.len() > most.saturating_add(SLACK)) {
            self.settle();
        }
        Ok(())
    }

    fn entry_of(&mut self, exit: &OomExit) -> Option<&mut Entry> {
        let is_its = |entry: &&mut Entry| {
            entry
                .key
                .as_ref()
                .is_some_and(|(incident, tid)| *tid == exit.tid && *incident == exit.incident)
        };
        self.entries.iter_mut().rev().take(SLACK).find(is_its)
    }

    /// In order of time; those without stay where they stand before the others.
    fn settle(&mut self) {
        self.entries.sort_by_key(|entry| entry.time);
        if let Some(most) = self.most {
            self.entries.drain(..self.entries.len().saturating_sub(most));
        }
    }

    pub(super) fn into_texts(mut self) -> impl Iterator<Item = Vec<u8>> {
        self.settle();
        if self.reverse {
            self.entries.reverse();
        }
        self.entries.into_iter().map(|entry| entry.text)
    }
}
