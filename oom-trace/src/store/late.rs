//! A store that need not be there when the agent starts, nor all the time while it runs: the disk may be
//! full, read-only or gone, and its files may be removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::place::{File, Numbers, Shift};
use super::{Archive, Retention, Store, StoreError};
use crate::incident::model::Record;

/// Opened at once, or with the first records that can be saved. Until then numbers begin at 1; what
/// the store had before comes before them.
#[derive(Debug)]
pub struct LateStore {
    path: PathBuf,
    retention: Retention,
    store: Option<Store>,
    /// The file that was open last.
    file: Option<File>,
    /// How many numbers come before ours.
    numbers: Numbers,
    /// The sinks that had not got all of those: their place stays, so that after the next start they get
    /// that, and what came since once more.
    behind: Vec<String>,
}

impl LateStore {
    /// Opens it if it can be.
    ///
    /// # Errors
    /// It cannot, and never will as long as nobody corrects its path, what is there, or how many files the agent
    /// may open.
    pub fn open(path: &Path, retention: &Retention) -> Result<Self, StoreError> {
        let numbers = Numbers::default();
        let store = match Store::open(path, retention) {
            Ok(store) => {
                numbers.set(Shift { before: 0, since: 0 });
                Some(store)
            }
            Err(error) if error.may_pass() && !error.lacks_descriptors() => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            retention: retention.clone(),
            file: store.as_ref().and_then(Store::file),
            store,
            numbers,
            behind: Vec::new(),
        })
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.store.is_some()
    }

    /// The number that the next record will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.store.as_ref().map_or(1, Store::next)
    }

    /// The first record that the sink of this name has not got; `None` if that is not known.
    #[must_use]
    pub fn cursor(&self, sink: &str) -> Option<u64> {
        self.store.as_ref()?.cursor(sink)
    }

    /// A reader, by the same numbers.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive::after(&self.path, self.numbers.clone())
    }

    /// As [`Store::save`]. What is saved is in the file that the path names by then.
    ///
    /// # Errors
    /// As there, or it still cannot be opened.
    pub fn save(
        &mut self,
        first: u64,
        records: &[Arc<Record>],
        cursors: &[(&str, u64)],
    ) -> Result<Vec<String>, StoreError> {
        let open = self.store.take().and_then(Store::in_place);
        let mut store = match open {
            Some(open) => open,
            None => self.catch_up(first, cursors)?,
        };
        let before = self.numbers.get().map_or(0, |shift| shift.before);
        let behind = &self.behind;
        let cursors: Vec<_> = cursors
            .iter()
            .filter(|(sink, _)| !behind.iter().any(|other| other == sink))
            .map(|(sink, next)| (*sink, next + before))
            .collect();
        let saved = store.save(first + before, records, &cursors);
        self.file = store.file();
        // Whoever would bring the disk back finds no file of it open.
        let is_lost = saved.as_ref().is_err_and(StoreError::is_of_the_disk);
        self.store = Some(store).filter(|_| !is_lost);
        saved
    }

    /// The file that is there by now: the same as before, or another, which ours come after.
    fn catch_up(&mut self, first: u64, cursors: &[(&str, u64)]) -> Result<Store, StoreError> {
        let mut store = Store::open(&self.path, &self.retention)?;
        let file = store.file();
        if self.file.is_some() && self.file == file {
            return Ok(store);
        }
        let next = store.next();
        self.numbers.set(match self.file {
            None => Shift { before: next - 1, since: 0 },
            Some(_) => Shift { before: next.saturating_sub(first), since: first },
        });
        if self.file.is_some() {
            store.say_replaced();
        }
        let behind =
            cursors.iter().filter(|(sink, _)| store.cursor(sink).is_some_and(|at| at < next));
        self.behind = behind.map(|(sink, _)| (*sink).to_owned()).collect();
        self.file = file;
        Ok(store)
    }
}
