//! Saved logs: lines of any of the formats in which the kernel's log is kept, to [`Entry`]s.
//!
//! Each line says by itself what format it is in, so that a file may hold several. What is known
//! to be another program's is passed over.

mod clock;
mod dmesg;
mod journal;
mod kmsg;
mod syslog;

use std::io::{self, BufRead, Read as _};

pub use clock::Zone;
pub use kmsg::{Kmsg, Unreadable};

use super::{Entry, Names, Parser, Stamp};
use crate::incident::model::Record;

/// A longer line is none of a kernel's log: a message has 1 KiB, a record of `/dev/kmsg` 8 KiB,
/// and in JSON each byte may take four.
const MAX_LINE: u64 = 128 * 1024;

/// What was found in a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Lines.
    pub lines: u64,
    /// Lines in the format of some log.
    pub logged: u64,
    /// Records made.
    pub records: u64,
    /// Messages that the log says it lost.
    pub lost: u64,
}

/// Reads a saved log to its end and hands each record on; `zone` is that of times that name none.
///
/// # Errors
/// `input` cannot be read, or `each` fails.
pub fn read<E: From<io::Error>>(
    mut input: impl BufRead,
    parser: Parser,
    zone: &Zone,
    mut each: impl FnMut(Record) -> Result<(), E>,
) -> Result<Found, E> {
    let mut reader =
        Reader { parser, zone, sequence: None, has_form: false, found: Found::default() };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        if !is_whole && read as u64 == MAX_LINE {
            skip_line(&mut input)?;
            continue;
        }
        line.pop_if(|last| *last == b'\r');
        for record in reader.line(&line, !is_whole) {
            reader.found.records += 1;
            each(record)?;
        }
    }
    for record in reader.parser.flush() {
        reader.found.records += 1;
        each(record)?;
    }
    Ok(reader.found)
}

/// Reads over the rest of a line.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (len, ends) = match memchr::memchr(b'\n', buffer) {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(len);
        if ends {
            return Ok(());
        }
    }
}

struct Reader<'a> {
    parser: Parser,
    zone: &'a Zone,
    /// The last record's number, in a copy of `/dev/kmsg`.
    sequence: Option<u64>,
    /// Lines before were of a form that is a record each.
    has_form: bool,
    found: Found,
}

impl Reader<'_> {
    fn line(&mut self, line: &[u8], cut: bool) -> Vec<Record> {
        self.found.lines += 1;
        if line.first() == Some(&b'{')
            && let Some(logged) = journal::Line::parse(line)
        {
            let mut done = self.formed();
            done.extend(logged.entry().map(|entry| self.parser.push(&entry)).unwrap_or_default());
            return done;
        }
        if let Some(record) = Kmsg::parse(line) {
            let mut done = self.formed();
            done.extend(self.kmsg(&record, cut));
            return done;
        }
        if let Some(boot) = journal::boot(line) {
            self.found.logged += 1;
            return self.parser.boot(boot.as_deref());
        }
        let Some(plain) = self.plain(line) else {
            self.found.logged += 1;
            return Vec::new();
        };
        self.found.logged += u64::from(plain.stamp != Stamp::default());
        self.parser.push(&Entry { cut, ..plain })
    }

    /// A line has the form of a record. A first line that had not is what is left of one, and tells
    /// neither its number nor its time.
    fn formed(&mut self) -> Vec<Record> {
        self.found.logged += 1;
        let is_first = !std::mem::replace(&mut self.has_form, true);
        if is_first && self.found.lines > 1 { self.parser.gap() } else { Vec::new() }
    }

    fn kmsg(&mut self, record: &Kmsg, cut: bool) -> Vec<Record> {
        let before = self.sequence.replace(record.sequence);
        let lost = before.and_then(|before| record.sequence.checked_sub(before + 1));
        let mut done = Vec::new();
        // A lower number is that of another copy or another boot.
        if lost != Some(0) && before.is_some() {
            self.found.lost += lost.unwrap_or(0);
            done = self.parser.gap();
        }
        if let Some(entry) = record.entry() {
            done.extend(self.parser.push(&Entry { cut, ..entry }));
        }
        done
    }

    /// A line of text; `None` if somebody else than the kernel wrote it.
    fn plain<'a>(&self, line: &'a [u8]) -> Option<Entry<'a>> {
        let text = Entry {
            stamp: Stamp::default(),
            caller: None,
            host: None,
            boot_id: None,
            names: Names::Printed,
            cut: false,
            text: line,
        };
        let text = dmesg::priority(text)?;
        let text = syslog::line(text, self.zone)?;
        Some(dmesg::stamp(text, self.zone))
    }
}
