//! One destination a file, behind one small trait; sinks know nothing of each other.

use std::fmt::Debug;
use std::io;

use rustix::io::Errno;
use thiserror::Error;

use crate::incident::model::Record;

mod console;
mod fanout;
mod file;
mod lines;
mod output;

#[cfg(test)]
mod compliance;

pub use console::Console;
pub use fanout::{Fanout, SinkReport, SinkTotals};
pub use file::FileSink;
pub use output::{OutputSpec, OutputSpecError};

/// A place records are delivered to. It lives on a thread of its own and may block there.
pub trait Sink: Send + Debug {
    /// What diagnostics call it, such as `console`; one line, the same for its whole life.
    fn name(&self) -> &str;

    /// Hands one record over: when this returns, nothing of it is held back in this process.
    ///
    /// # Errors
    /// The record is lost. The sink stays usable and is tried again with the next one.
    fn deliver(&mut self, record: &Record) -> Result<(), SinkError>;

    /// Opens the destination anew, for whoever moved it away.
    ///
    /// # Errors
    /// The destination cannot be opened; records go on to the one that was open before.
    fn reopen(&mut self) -> Result<(), SinkError>;

    /// Makes what was delivered as durable as the destination can. Called once, at the end.
    ///
    /// # Errors
    /// The destination does not answer for it.
    fn flush(&mut self) -> Result<(), SinkError>;
}

/// What a sink could not do.
#[derive(Debug, Error)]
#[error("cannot {tried} {target}: {io}{}", self.advice())]
pub struct SinkError {
    tried: &'static str,
    target: String,
    io: io::Error,
}

impl SinkError {
    /// `tried` and `target` are read as in "cannot write to /var/log/oom.json".
    pub fn new(tried: &'static str, target: impl Into<String>, io: io::Error) -> Self {
        Self { tried, target: target.into(), io }
    }

    /// Nobody reads what is written any more.
    #[must_use]
    pub fn closed_pipe(&self) -> bool {
        self.io.kind() == io::ErrorKind::BrokenPipe
    }

    fn advice(&self) -> &'static str {
        use io::ErrorKind::{
            BrokenPipe, FileTooLarge, IsADirectory, NotADirectory, NotFound, PermissionDenied,
            QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        // A FIFO that nobody reads, or a socket.
        if Errno::from_io_error(&self.io) == Some(Errno::NXIO) {
            return "; start the reader of this FIFO first (a socket cannot be written as a file)";
        }
        match self.io.kind() {
            BrokenPipe => "; its reader has gone",
            FileTooLarge | QuotaExceeded | StorageFull => {
                "; make room: later records are tried again"
            }
            IsADirectory => "; name a file in this directory",
            NotADirectory => "; a part of this path is no directory: correct it",
            NotFound => "; create its directory first (mkdir -p) or correct the path",
            PermissionDenied => "; let the agent's user write there or choose another path",
            ReadOnlyFilesystem => "; choose a path on a file system that is writable",
            _ => "",
        }
    }
}
