//! Shows what is asked for.

use std::io::{self, Write as _};

use crate::incident::model::Record;
use crate::render::{Format, Style, render};

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
    format: Format,
    style: Style,
    line: Vec<u8>,
}

impl Printer {
    pub(super) fn new(format: Format, style: Style) -> Self {
        Self { format, style, line: Vec::new() }
    }

    pub(super) fn print(&mut self, record: &Record) -> anyhow::Result<()> {
        self.line.clear();
        render(record, self.format, self.style, &mut self.line)?;
        Ok(io::stdout().write_all(&self.line).map_err(Unprintable)?)
    }
}
