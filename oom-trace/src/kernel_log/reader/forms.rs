//! Lines that are records: of the journal, of `/dev/kmsg`, of collectors.

use super::collector::{self, Said};
use super::find::{Spoken, has_it_from_the_kernel};
use super::order::Item;
use super::prefix::Speaker;
use super::table::{self, Row};
use super::words::speaks_of_a_kill;
use super::{Reader, journal, text};
use crate::kernel_log::Names;
use crate::kernel_log::reader::Kmsg;

impl Reader<'_> {
    /// A line that is JSON by itself; whether it was.
    pub(super) fn json(&mut self, no: u64, line: &[u8]) -> bool {
        if line.first() == Some(&b'{')
            && let Some(entry) = journal::Line::parse(line)
        {
            self.form(no);
            if let Some(spoken) = entry.spoken(no) {
                self.spoken(spoken);
            }
            return true;
        }
        // Each line that has the kernel's stamp begins as a list does.
        let is_closed = matches!(line.trim_ascii_end().last(), Some(b'}' | b']'));
        if !is_closed || line.len() > collector::LONGEST {
            return false;
        }
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(line) else { return false };
        let is_hearsay = has_it_from_the_kernel(line);
        // `[  123]` is a row of a table.
        let is_object = matches!(value, serde_json::Value::Object(_));
        if !is_object && !is_hearsay && !speaks_of_a_kill(line) {
            return false;
        }
        self.found.logged += 1;
        if is_hearsay && let Ok(members) = serde_json::to_string_pretty(&value) {
            for member in members.lines() {
                self.is_of_a_container(no, member.as_bytes());
            }
        }
        for said in collector::said(&value) {
            self.said(no, said);
        }
        true
    }

    /// A line of a table; whether it was.
    pub(super) fn row(&mut self, no: u64, line: &[u8], cut: bool) -> bool {
        if !self.table.is_used() && !table::may_be_head(line) {
            return false;
        }
        match self.table.take(line, cut, self.finder.zone()) {
            Row::Not => return false,
            Row::Part => {}
            Row::Of(all) => {
                for said in all {
                    self.said(no, said);
                }
            }
        }
        self.found.logged += 1;
        true
    }

    pub(super) fn said(&mut self, no: u64, said: Said) {
        match said {
            Said::Spoken(spoken) => self.spoken(spoken),
            Said::Line { text, known, cut } => {
                let line = text::plain(&text);
                if speaks_of_a_kill(&line) {
                    self.attention.rouse();
                }
                let mut spoken = self.finder.find(no, &line, cut, self.attention.in_dump());
                known.add_to(&mut spoken);
                self.spoken(spoken);
            }
        }
    }

    /// A line has the form of a record. A first line that had not is what is left of one, and tells
    /// neither its number nor its time.
    pub(super) fn form(&mut self, no: u64) {
        self.found.logged += 1;
        let is_first = !std::mem::replace(&mut self.has_form, true);
        if is_first && no > 1 {
            // What was held came before the gap.
            self.unwrap();
            let held = self.order.end();
            self.take(held);
            let done = self.sources.gap();
            self.done.extend(done);
        }
    }

    pub(super) fn kmsg(&mut self, no: u64, record: &Kmsg, cut: bool) {
        let before = self.sequence.replace(record.sequence);
        let lost = before.and_then(|before| record.sequence.checked_sub(before + 1));
        // A lower number is that of another copy or another boot.
        if lost != Some(0) && before.is_some() {
            self.found.lost += lost.unwrap_or(0);
            let done = self.sources.gap();
            self.done.extend(done);
        }
        if let Some(entry) = record.entry() {
            let spoken = Spoken {
                line: no,
                stamp: entry.stamp,
                caller: entry.caller,
                host: None,
                boot_id: None,
                label: None,
                speaker: Speaker::Kernel,
                tag: None,
                is_stamped: true,
                names: Names::Exact,
                cut,
                text: entry.text.to_vec(),
            };
            self.item(Item::Spoken(Box::new(spoken)));
        }
    }
}
