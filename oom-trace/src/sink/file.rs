//! `file`: records appended to a file, a FIFO or a device.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::lines::Lines;
use super::{OutputSpec, Sink, SinkError};
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::text::Escaped;

/// Appends each record with one `write(2)`; the file never keeps half a record.
///
/// A new file gets mode 0640, less where the umask says so; the mode of an existing one stays.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    path: PathBuf,
    format: Format,
    buffer: Vec<u8>,
    lines: Lines,
}

impl FileSink {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// It cannot be opened for writing: among others a directory, a path with a parent that is
    /// missing, a FIFO that nobody reads.
    pub fn open(OutputSpec { format, path }: OutputSpec) -> Result<Self, SinkError> {
        let name = Escaped(path.as_os_str().as_encoded_bytes()).to_string();
        let lines = open(&path).map_err(|io| SinkError::new("open", name.as_str(), io))?;
        Ok(Self { name, path, format, buffer: Vec::new(), lines })
    }

    fn error(&self, tried: &'static str, io: io::Error) -> SinkError {
        SinkError::new(tried, self.name.as_str(), io)
    }
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&mut self, record: &Record) -> Result<(), SinkError> {
        self.buffer.clear();
        render(record, self.format, Style::default(), &mut self.buffer)
            .and_then(|()| self.lines.write(&self.buffer))
            .map_err(|io| self.error("write to", io))
    }

    fn reopen(&mut self) -> Result<(), SinkError> {
        self.lines = open(&self.path).map_err(|io| self.error("open anew", io))?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lines.sync().map_err(|io| self.error("sync", io))
    }
}

fn open(path: &Path) -> io::Result<Lines> {
    // Without NONBLOCK a FIFO would hold the agent until somebody reads it; with it the kernel
    // answers ENXIO. NOCTTY: a terminal must not become the agent's own.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file: File = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    Ok(Lines::appending(file, path))
}

#[cfg(test)]
mod tests;
