//! The store, for those who read it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Params, Row};

use super::StoreError;
use crate::incident::model::Record;

/// A reader, which opens the store when it first needs it.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// How many numbers come before those that it is asked for; not known before the store is open.
    before: Arc<OnceLock<u64>>,
    connection: Option<Connection>,
}

/// A kill that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The marked thread.
    pub tid: u32,
    /// When, on `CLOCK_BOOTTIME`; for a record of the kernel's log, by that log's clock.
    pub boot_ns: u64,
    /// How often the kernel counted it.
    pub kills: u32,
}

impl Archive {
    /// Of the store at this path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self::after(path, Arc::new(OnceLock::from(0)))
    }

    pub(super) fn after(path: &Path, before: Arc<OnceLock<u64>>) -> Self {
        Self { path: path.to_owned(), before, connection: None }
    }

    /// One more reader of the same.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::after(&self.path, Arc::clone(&self.before))
    }

    /// Records with their numbers, from one on and before another, `most` of them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn from(
        &mut self,
        first: u64,
        before: u64,
        most: usize,
    ) -> Result<Vec<(u64, Record)>, StoreError> {
        let sql = "SELECT number, json FROM records WHERE number >= ?1 AND number < ?2 \
                   ORDER BY number LIMIT ?3";
        let Some(&shift) = self.before.get() else { return Ok(Vec::new()) };
        let mut found = self.read(sql, (first + shift, before + shift, most as u64))?;
        found.iter_mut().for_each(|(number, _)| *number -= shift);
        Ok(found)
    }

    /// Records since a moment, or all, oldest first, handed out one by one.
    ///
    /// # Errors
    /// The store cannot be read, or `each` fails.
    pub fn each_since<E: From<StoreError>>(
        &mut self,
        since: Option<Timestamp>,
        mut each: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let since = since.and_then(|since| i64::try_from(since.as_nanosecond()).ok());
        let sql = "SELECT number, json FROM records WHERE number > ?1 AND time_ns >= ?2 \
                   ORDER BY number LIMIT 256";
        let mut last = 0;
        loop {
            let some: Vec<(u64, Record)> = self.read(sql, (last, since.unwrap_or(i64::MIN)))?;
            let Some((number, _)) = some.last() else { return Ok(()) };
            last = *number;
            some.into_iter().try_for_each(|(_, record)| each(record))?;
        }
    }

    /// The kills of a boot, as far as they say when they were by its clock.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn kills(&mut self, boot_id: &str) -> Result<Vec<Known>, StoreError> {
        let sql = "SELECT json ->> '$.victim.tid', json ->> '$.boot_ns', json ->> '$.kill_count' \
                   FROM records WHERE json ->> '$.type' = 'oom_kill' AND json ->> '$.boot_id' = ?1 \
                   AND json ->> '$.boot_ns' IS NOT NULL";
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let known = |row: &Row<'_>| {
            let kills: Option<u32> = row.get(2)?;
            Ok(Known { tid: row.get(0)?, boot_ns: row.get(1)?, kills: kills.unwrap_or(1) })
        };
        let rows = statement.query_map([boot_id], known).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn read(&mut self, sql: &str, of: impl Params) -> Result<Vec<(u64, Record)>, StoreError> {
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
        let rows = statement.query_map(of, pair).map_err(failed)?;
        rows.map(|row| {
            let (number, json) = row.map_err(failed)?;
            let record = serde_json::from_str(&json);
            Ok((number, record.map_err(|error| StoreError::record(&path, error))?))
        })
        .collect()
    }

    fn connection(&mut self) -> rusqlite::Result<&Connection> {
        let connection = match self.connection.take() {
            Some(open) => open,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&self.path, flags)?
            }
        };
        Ok(self.connection.insert(connection))
    }
}
