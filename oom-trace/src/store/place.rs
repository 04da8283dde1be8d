//! Whether the store's files are still those that are open, and by which numbers the agent knows what is
//! in them: anybody may remove or replace them, or what they lie on, while it runs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    device: u64,
    inode: u64,
}

impl File {
    /// The one of this name, if there is one.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// The file beside the store that SQLite gives this suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The files of an open store.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) store: Option<File>,
    /// What is not yet in the store stands there.
    log: Option<File>,
}

impl Files {
    /// Those that are there now.
    pub(super) fn at(path: &Path) -> Self {
        Self { store: File::at(path), log: File::at(&beside(path, "-wal")) }
    }

    /// There may be a log only once something has been written.
    pub(super) fn see_log(&mut self, path: &Path) {
        if self.log.is_none() {
            self.log = File::at(&beside(path, "-wal"));
        }
    }

    /// Whether the store is the one that its path names.
    pub(super) fn has_store(&self, path: &Path) -> bool {
        self.store == File::at(path)
    }

    /// Whether all of them are.
    pub(super) fn are_all(&self, path: &Path) -> bool {
        self.has_store(path) && (self.log.is_none() || self.log == File::at(&beside(path, "-wal")))
    }
}

/// How the agent's numbers become those of the file; nobody's until a file has been opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers(Arc<Mutex<Option<Shift>>>);

/// Of the file that is open now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    /// How many numbers of the file come before ours.
    pub(super) before: u64,
    /// The first of ours that can be in it.
    pub(super) since: u64,
}

impl Numbers {
    /// Those of the file itself.
    pub(super) fn own() -> Self {
        let numbers = Self::default();
        numbers.set(Shift { before: 0, since: 0 });
        numbers
    }

    pub(super) fn set(&self, shift: Shift) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shift);
    }

    pub(super) fn get(&self) -> Option<Shift> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
