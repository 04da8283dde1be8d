//! `file`: records appended to a file, a FIFO or a device.

mod rotate;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use serde::Deserialize;

pub use self::rotate::Rotate;
use super::lines::Lines;
use super::{Destination, Filter, Sink, SinkError, Status};
use crate::files::spare_store;
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::setting::may_be_made;
use crate::text::Escaped;

/// `[[sink.file]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// What the sink is called, instead of the path.
    pub name: Option<String>,
    /// As given; relative to the working directory.
    pub path: PathBuf,
    /// JSON unless said otherwise.
    #[serde(default = "Format::json")]
    pub format: Format,
    /// Which records it gets.
    #[serde(default)]
    pub filter: Filter,
    /// When to begin a new file; never unless said.
    pub rotate: Option<Rotate>,
}

impl FileConfig {
    /// All records, in this format.
    pub(super) fn new(format: Format, path: impl Into<PathBuf>) -> Self {
        Self { name: None, path: path.into(), format, filter: Filter::default(), rotate: None }
    }
}

impl Destination for FileConfig {
    fn name(&self) -> String {
        let path = || Escaped(self.path.as_os_str().as_encoded_bytes()).to_string();
        self.name.clone().unwrap_or_else(path)
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn open(&self, _: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(FileSink::open(self)?))
    }

    /// A file that is not there yet is not made.
    fn try_out(&self, _: &Arc<dyn Status>) -> Result<(), SinkError> {
        let tried = match appending().open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => may_be_made(&self.path),
            opened => opened.map(drop),
        };
        tried.map_err(|io| error("open", &self.path, io))
    }
}

/// Appends each record with one `write(2)`; the file never keeps half a record.
///
/// A new file gets mode 0640, less where the umask says so; the mode of an existing one stays.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    path: PathBuf,
    format: Format,
    rotate: Option<Rotate>,
    buffer: Vec<u8>,
    lines: Lines,
    /// How many of the records at hand are written, should the next fail.
    written: usize,
}

/// Records that are on the disk at once.
const BATCH: usize = 64;

impl FileSink {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// It cannot be opened for writing: among others a directory, a path with a parent that is
    /// missing, a FIFO that nobody reads.
    pub fn open(config: &FileConfig) -> Result<Self, SinkError> {
        let FileConfig { path, format, rotate, .. } = config;
        let lines = open(path).map_err(|io| error("open", path, io))?;
        Ok(Self {
            name: config.name(),
            path: path.clone(),
            format: *format,
            rotate: rotate.clone(),
            buffer: Vec::new(),
            lines,
            written: 0,
        })
    }
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        for record in records.iter().skip(self.written) {
            self.buffer.clear();
            render(record, self.format, Style::default(), &mut self.buffer)
                .and_then(|()| self.follow())
                .and_then(|()| self.lines.write(&self.buffer))
                .map_err(|io| error("write to", &self.path, io))?;
            self.written += 1;
        }
        // Who knows that they are delivered notes it, and a power cut must not make that untrue.
        let flushed = self.flush();
        // The kernel tells once of what it could not write: all of it is written again.
        self.written = 0;
        flushed
    }

    fn reopen(&mut self) -> Result<(), SinkError> {
        self.lines = open(&self.path).map_err(|io| error("open anew", &self.path, io))?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lines.sync().map_err(|io| error("sync", &self.path, io))
    }

    /// Making it has opened the file.
    fn probe(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl FileSink {
    /// Goes on in a new file, where this one is full or old, or is no longer called so.
    fn follow(&mut self) -> io::Result<()> {
        let open_now = self.lines.metadata()?;
        if !open_now.is_file() {
            return Ok(());
        }
        let is_same =
            |other: &Metadata| (other.dev(), other.ino()) == (open_now.dev(), open_now.ino());
        if !fs::metadata(&self.path).is_ok_and(|named| is_same(&named)) {
            match open(&self.path) {
                Ok(new) => self.go_on_in(new)?,
                // Nobody would ever read it.
                Err(error) if open_now.nlink() == 0 => return Err(error),
                // Where no new one can be made, the old one is better than none.
                Err(_) => {}
            }
        } else if let Some(rotate) = &self.rotate
            && rotate.is_due(&open_now, self.buffer.len())
        {
            rotate.put_away(&self.path)?;
            self.go_on_in(open(&self.path)?)?;
        }
        Ok(())
    }

    /// What was written to the one before is on the disk first.
    fn go_on_in(&mut self, new: Lines) -> io::Result<()> {
        let synced = self.lines.sync();
        self.lines = new;
        if synced.is_err() {
            self.written = 0;
        }
        synced
    }
}

fn error(tried: &'static str, path: &Path, io: io::Error) -> SinkError {
    SinkError::new(tried, Escaped(path.as_os_str().as_encoded_bytes()).to_string(), io)
}

fn open(path: &Path) -> io::Result<Lines> {
    spare_store(path)?;
    let file: File = appending().create(true).mode(0o640).open(path)?;
    Ok(Lines::appending(file, path))
}

fn appending() -> OpenOptions {
    // Without NONBLOCK a FIFO would hold the agent until somebody reads it; with it the kernel
    // answers ENXIO. NOCTTY: a terminal must not become the agent's own.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(flags.bits().cast_signed());
    options
}

#[cfg(test)]
mod tests;
