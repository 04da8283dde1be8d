//! Shows what is asked for.

use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;

use super::name;
use crate::incident::model::{OomKill, Record};
use crate::kernel_log::reader::Seen;
use crate::render::{Format, Style, render};
use crate::say::say;
use crate::why;

/// Why a record does not come out.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
struct Unprintable(io::Error);

pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |error: &Unprintable| error.0.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(closed)
}

/// Writes records to standard output.
pub(super) struct Printer {
    since: Option<Timestamp>,
    format: Format,
    style: Style,
    printed: u64,
    /// Records of kills by the kernel, printed or not.
    pub(super) kernel: u64,
    /// Records of what was no kill by the kernel.
    others: u64,
    /// Lines that speak of kills and are in no record.
    pub(super) untold: u64,
    /// Records that do not tell when they were.
    timeless: u64,
    /// What was told already.
    pub(super) seen: Seen,
    line: Vec<u8>,
}

impl Printer {
    pub(super) fn new(since: Option<Timestamp>, format: Format, style: Style) -> Self {
        Self {
            since,
            format,
            style,
            printed: 0,
            kernel: 0,
            others: 0,
            untold: 0,
            timeless: 0,
            seen: Seen::default(),
            line: Vec::new(),
        }
    }

    /// From when on, if not from the beginning.
    pub(super) const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    pub(super) const fn is_for_people(&self) -> bool {
        self.format.is_for_people()
    }

    pub(super) fn print(&mut self, record: &Record) -> anyhow::Result<()> {
        self.print_of(record, record.origin().time)
    }

    /// Prints a record of this time, if it is asked for.
    pub(super) fn print_of(
        &mut self,
        record: &Record,
        time: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        if let Some(since) = self.since {
            match time {
                Some(time) if time < since => return Ok(()),
                Some(_) => {}
                None => {
                    self.timeless += 1;
                    return Ok(());
                }
            }
        }
        self.printed += 1;
        self.others += u64::from(matches!(record, Record::UserKill(_)));
        self.line.clear();
        match with_why(record) {
            Some(told) => render(&told, self.format, self.style, &mut self.line)?,
            None => render(record, self.format, self.style, &mut self.line)?,
        }
        Ok(io::stdout().write_all(&self.line).map_err(Unprintable)?)
    }

    pub(super) fn sum_up(&self, files: &[PathBuf]) {
        if self.timeless > 0 {
            say(format_args!("--since left out {} records that have no time", self.timeless));
        }
        if self.untold > 0 {
            return;
        }
        let names: Vec<_> = files.iter().map(|path| name(path)).collect();
        let place = if names.is_empty() { "the kernel's log".to_owned() } else { names.join(", ") };
        if self.printed == 0 {
            let since = if self.since.is_some() { " since then" } else { "" };
            say(format_args!("no OOM kill in {place}{since}"));
        } else if self.kernel == 0 && self.others > 0 {
            say(format_args!("no OOM kill by the kernel in {place}"));
        }
    }
}

/// A log does not say why; what it tells may.
fn with_why(record: &Record) -> Option<Record> {
    let Record::OomKill(kill) = record else { return None };
    if kill.why.is_some() {
        return None;
    }
    let why = why::explain(kill)?;
    Some(Record::OomKill(Box::new(OomKill { why: Some(why), ..(**kill).clone() })))
}
