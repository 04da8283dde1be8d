//! What the store could not do.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::cause::{is_file_limit, more_files};
use crate::text::{Escaped, KernelText};

/// What readers try.
const READ: &str = "read";

/// What was tried with which store, and what was answered.
#[derive(Debug, Error)]
#[error("cannot {tried} {}: {}{}", path.display(), self.said(), self.advice())]
pub struct StoreError {
    tried: &'static str,
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug, Error)]
enum Cause {
    #[error(transparent)]
    Io(io::Error),
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    #[error("its schema version {0} is unknown to this version of oom-trace")]
    Version(i64),
    #[error("{name} in it runs what someone else wrote, which oom-trace never puts there")]
    Foreign { name: KernelText },
    #[error("its rows are out of order, or one is there twice")]
    Disorder,
    #[error("a record in it cannot be read: {0}")]
    Record(serde_json::Error),
}

impl StoreError {
    pub(super) fn io(tried: &'static str, path: &Path, io: io::Error) -> Self {
        Self { tried, path: path.to_owned(), cause: Cause::Io(io) }
    }

    pub(super) fn sqlite(tried: &'static str, path: &Path, error: rusqlite::Error) -> Self {
        // SQLite calls that an error of the disk.
        if path.is_dir() {
            return Self::io(tried, path, io::ErrorKind::IsADirectory.into());
        }
        // And that, where the file is not there or may not be opened.
        if tried == READ
            && let Err(error) = File::open(path)
        {
            return Self::io(tried, path, error);
        }
        Self { tried, path: path.to_owned(), cause: Cause::Sqlite(error) }
    }

    pub(super) fn version(path: &Path, version: i64) -> Self {
        Self { tried: "open", path: path.to_owned(), cause: Cause::Version(version) }
    }

    pub(super) fn foreign(path: &Path, name: String) -> Self {
        Self { tried: "read", path: path.to_owned(), cause: Cause::Foreign { name: name.into() } }
    }

    pub(super) fn record(path: &Path, error: serde_json::Error) -> Self {
        Self { tried: "read", path: path.to_owned(), cause: Cause::Record(error) }
    }

    pub(super) fn disorder(path: &Path) -> Self {
        Self { tried: "read", path: path.to_owned(), cause: Cause::Disorder }
    }

    /// Whether the file is no store, or a damaged one.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// Whether the disk or the file system refuses, so that what is open there may be of no more use.
    pub(super) fn is_of_the_disk(&self) -> bool {
        use ErrorCode::{CannotOpen, ReadOnly, SystemIoFailure};
        matches!(self.code(), Some(CannotOpen | ReadOnly | SystemIoFailure))
            || matches!(self.cause, Cause::Io(_))
    }

    /// Whether nobody but whoever gives the agent more rights can help, or starts it again.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(&self.cause, Cause::Io(io) if io.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Whether this process may open no more files.
    #[must_use]
    pub fn lacks_descriptors(&self) -> bool {
        matches!(&self.cause, Cause::Io(io) if is_file_limit(io))
    }

    /// Whether it may be otherwise when it is tried again, though nobody changes the path.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match &self.cause {
            Cause::Io(io) => {
                use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
                !matches!(io.kind(), IsADirectory | NotADirectory | NotFound | PermissionDenied)
            }
            Cause::Sqlite(_) => !self.is_corrupt(),
            Cause::Version(_) | Cause::Foreign { .. } | Cause::Disorder | Cause::Record(_) => false,
        }
    }

    /// Names and texts of the file are shown, and do not act.
    fn said(&self) -> String {
        Escaped(self.cause.to_string().as_bytes()).to_string()
    }

    fn code(&self) -> Option<ErrorCode> {
        match &self.cause {
            Cause::Sqlite(error) => error.sqlite_error_code(),
            Cause::Io(_)
            | Cause::Version(_)
            | Cause::Foreign { .. }
            | Cause::Disorder
            | Cause::Record(_) => None,
        }
    }

    fn advice(&self) -> &'static str {
        match (&self.cause, self.code()) {
            (Cause::Io(io), _) => match io.kind() {
                io::ErrorKind::NotFound if self.tried == READ => "",
                io::ErrorKind::NotFound => "; create its directory first (mkdir -p)",
                io::ErrorKind::PermissionDenied if self.tried == READ => "; run it as root",
                io::ErrorKind::PermissionDenied => {
                    "; give the agent's user write permission there (a folder that was made or mounted while the agent \
                     ran needs a restart)"
                }
                io::ErrorKind::IsADirectory => {
                    "; specify a file in this directory, such as records.db"
                }
                _ => more_files(io),
            },
            (_, Some(ErrorCode::DiskFull)) => "; make room on the disk: it will be retried",
            (_, Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen)) => {
                "; its directory must be writable as well"
            }
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                "; another program has it open"
            }
            (_, Some(ErrorCode::OperationInterrupted)) => {
                "; reading it does not come to an end: it is damaged, or was made so"
            }
            (_, Some(ErrorCode::DatabaseCorrupt)) | (Cause::Disorder | Cause::Record(_), _)
                if self.tried == READ =>
            {
                "; it is damaged, or was cut off: copy it again, while no agent writes to it"
            }
            (Cause::Version(_), _) => "; a newer oom-trace made it: use that, or another path",
            _ => "",
        }
    }
}
