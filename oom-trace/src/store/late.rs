//! A store that need not be there when the agent starts: the disk may be full.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::{Archive, Retention, Store, StoreError};
use crate::incident::model::Record;

/// Opened at once, or with the first records that can be saved. Until then numbers begin at 1; what
/// the store had before comes before them.
#[derive(Debug)]
pub struct LateStore {
    path: PathBuf,
    retention: Retention,
    store: Option<Store>,
    /// How many numbers come before ours, once it is open.
    before: Arc<OnceLock<u64>>,
    /// The sinks that had not got all of those: their place stays, so that after the next start they get
    /// that, and what came since once more.
    behind: Vec<String>,
}

impl LateStore {
    /// Opens it if it can be.
    ///
    /// # Errors
    /// It cannot, and never will as long as nobody corrects its path or what is there.
    pub fn open(path: &Path, retention: &Retention) -> Result<Self, StoreError> {
        let before = OnceLock::new();
        let store = match Store::open(path, retention) {
            Ok(store) => {
                // Never set before.
                let _ = before.set(0);
                Some(store)
            }
            Err(error) if error.may_pass() => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            retention: retention.clone(),
            store,
            before: Arc::new(before),
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
        Archive::after(&self.path, Arc::clone(&self.before))
    }

    /// As [`Store::save`].
    ///
    /// # Errors
    /// As there, or it still cannot be opened.
    pub fn save(
        &mut self,
        first: u64,
        records: &[Arc<Record>],
        cursors: &[(&str, u64)],
    ) -> Result<Vec<String>, StoreError> {
        let store = match self.store.take() {
            Some(open) => open,
            None => self.catch_up(cursors)?,
        };
        let store = self.store.insert(store);
        let before = self.before.get().copied().unwrap_or(0);
        let behind = &self.behind;
        let cursors: Vec<_> = cursors
            .iter()
            .filter(|(sink, _)| !behind.iter().any(|other| other == sink))
            .map(|(sink, next)| (*sink, next + before))
            .collect();
        store.save(first + before, records, &cursors)
    }

    fn catch_up(&mut self, cursors: &[(&str, u64)]) -> Result<Store, StoreError> {
        let store = Store::open(&self.path, &self.retention)?;
        let _ = self.before.set(store.next() - 1);
        let behind = cursors
            .iter()
            .filter(|(sink, _)| store.cursor(sink).is_some_and(|cursor| cursor < store.next()));
        self.behind = behind.map(|(sink, _)| (*sink).to_owned()).collect();
        Ok(store)
    }
}
