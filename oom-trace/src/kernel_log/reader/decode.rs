//! A line on its way from the file to its form: what a mailer, a page and a terminal did to it is undone.

use super::find::begins_clearly;
use super::order::Item;
use super::records::Taken;
use super::terminal::Piece;
use super::words::speaks_of_a_kill;
use super::yaml::Document;
use super::{Held, Kmsg, Reader, journal, text, wraps};
use crate::kernel_log::message::{Form, MemInfo, Message};
use crate::kernel_log::scan::Names;

impl Reader<'_> {
    /// Takes a line; answers the name of a field whose bytes follow it.
    pub(super) fn line(&mut self, no: u64, line: &[u8], cut: bool) -> Option<Vec<u8>> {
        let [before, line] = self.mail.decode(line);
        if let Some(before) = before {
            self.decoded(no.saturating_sub(1), &before, false);
        }
        line.and_then(|line| self.decoded(no, &line, cut))
    }

    pub(super) fn decoded(&mut self, no: u64, line: &[u8], cut: bool) -> Option<Vec<u8>> {
        let line = self.page.decode(line);
        let line = &*text::plain(&line);
        let is_record = self.fields.is_open() || self.sequence.is_some();
        if self.terminal.is_waiting() {
            if !self.begins(line) && self.terminal.go_on(no, line, cut) {
                return None;
            }
            self.end_broken();
        }
        let in_dump = self.attention.in_dump();
        if !is_record && self.terminal.begin(no, line, cut, in_dump) {
            return None;
        }
        self.whole(no, line, cut)
    }

    /// Whether a line begins something, by its form, by what stands before it or by its first words.
    fn begins(&self, line: &[u8]) -> bool {
        let trimmed = line.trim_ascii();
        matches!(trimmed.first(), Some(b'{' | b'}' | b'"'))
            || matches!(trimmed, b"]" | b"],")
            || line.starts_with(b"__CURSOR")
            || line.starts_with(b"__REALTIME")
            || self.terminal.begins_alike(line)
            || self.finder.has_prefix(line)
            || begins_clearly(line.trim_ascii_start())
            || Kmsg::parse(line).is_some()
            || begins_by_itself(line)
    }

    /// What a terminal may have broken is read as far as it goes.
    pub(super) fn end_broken(&mut self) {
        let finder = &self.finder;
        for piece in self.terminal.end(finder.zone(), |line| finder.has_prefix(line)) {
            if piece.is_rest {
                self.rest(&piece);
            } else {
                self.whole(piece.no, &piece.text, piece.cut);
            }
        }
    }

    /// What may be the rest of a line, and is read as nothing else.
    fn rest(&mut self, piece: &Piece) {
        let spoken = self.finder.find(piece.no, &piece.text, piece.cut, true);
        if let Some(begun) = &self.wrapped
            && wraps::goes_on(&begun.text, &spoken.text, self.columns).is_some()
        {
            self.spoken(spoken);
        } else {
            // Nothing that follows is the rest of the same.
            self.unwrap();
            self.unread(&spoken);
        }
    }

    /// A line of which nothing stands in the next.
    fn whole(&mut self, no: u64, line: &[u8], cut: bool) -> Option<Vec<u8>> {
        self.attention.line(speaks_of_a_kill(line));
        let (done, is_part) = self.documents.take(no, line, cut, self.finder.zone());
        self.document(done);
        if is_part { None } else { self.line_of(no, line, cut) }
    }

    /// An entry of which all lines are there.
    pub(super) fn document(&mut self, document: Option<Document>) {
        let Some(Document { lines, known }) = document else { return };
        for Held { no, text, cut } in lines {
            self.around = Document::is_message(&text).then(|| known.clone());
            self.line_of(no, &text, cut);
            self.around = None;
        }
    }

    fn line_of(&mut self, no: u64, line: &[u8], cut: bool) -> Option<Vec<u8>> {
        let line = journal::unframed(line);
        if self.is_of_a_container(no, line) {
            return None;
        }
        match self.fields.take(no, line, cut) {
            Taken::Not => {}
            Taken::After(all) => {
                for said in all {
                    self.said(no, said);
                }
            }
            Taken::Part => {
                self.found.logged += 1;
                return None;
            }
            Taken::Binary(name) => return Some(name),
            Taken::Done(all) => {
                self.found.logged += 1;
                for said in all {
                    self.said(no, said);
                }
                return None;
            }
        }
        if matches!(line.first(), Some(b'{' | b'[')) && self.json(no, line) {
            return None;
        }
        if self.row(no, line, cut) {
            return None;
        }
        if let Some(record) = Kmsg::parse(line) {
            self.form(no);
            let held = self.order.go_forward();
            self.take(held);
            self.kmsg(no, &record, cut);
            return None;
        }
        if let Some(boot) = journal::boot(line) {
            self.found.logged += 1;
            self.item(Item::Boot(boot));
            return None;
        }
        if let Some(message) = text::of_fluent_bit(line) {
            self.plain(no, &message.text, message.cut);
            return None;
        }
        let pieces = text::collapsed(line);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.into_iter().enumerate() {
            self.plain(no, piece, cut && index == last);
        }
        None
    }
}

/// Whether a line is a message, and no end of a longer one is like it.
fn begins_by_itself(line: &[u8]) -> bool {
    let form = Form { names: Names::Printed, cut: false };
    let is_end = |message| {
        use MemInfo::{Allocation, Counters, Pages, Slab};
        matches!(
            message,
            Message::Stat(_)
                | Message::Frame(_)
                | Message::MemInfo(Counters(_) | Pages(..) | Slab { .. } | Allocation(_))
        )
    };
    Message::parse(line.trim_ascii_start(), form).is_some_and(|message| !is_end(message))
}
