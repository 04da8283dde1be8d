//! The store, for those who read it.

mod boots;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, Params};

use super::place::{File, Numbers, Shift, beside};
use super::{StoreError, schema};
use crate::files::await_writable;
use crate::incident::model::{Agent, AgentEvent, Record};

pub use self::boots::{BootSeen, Known, Pruned, Told};

/// A reader, which opens the store when it first needs it.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// How the numbers that it is asked for become those of the file.
    numbers: Numbers,
    /// Whether the agent reads it, which waits for a disk with one thread only.
    is_agents: bool,
    connection: Option<(Connection, Option<File>)>,
    /// How often SQLite looked whether it goes on for too long.
    looks: Arc<AtomicU64>,
}

/// JSON that is read at once.
pub const BATCH_BYTES: usize = 256 << 10;

impl Archive {
    /// Of the store at this path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            numbers: Numbers::own(),
            is_agents: false,
            connection: None,
            looks: Arc::default(),
        }
    }

    /// The agent's own, for a thread that may wait for its disk.
    #[must_use]
    pub fn of_agent(path: &Path) -> Self {
        Self { is_agents: true, ..Self::at(path) }
    }

    pub(super) fn after(path: &Path, numbers: Numbers) -> Self {
        Self { numbers, ..Self::of_agent(path) }
    }

    /// One more reader of the same.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::after(&self.path, self.numbers.clone())
    }

    /// Records with their numbers, from one on and before another: `most` of them, and fewer where
    /// their JSON is more than so many bytes; one at least.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn from(
        &mut self,
        first: u64,
        before: u64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Record)>, StoreError> {
        let Some(Shift { before: shift, since }) = self.numbers.get() else {
            return Ok(Vec::new());
        };
        let (first, before) = (first.max(since) + shift, before + shift);
        let which = "number >= ?1 AND number < ?2 ORDER BY number LIMIT ?3";
        let mut found = self.read(which, (first, before, most as u64), first, bytes)?;
        found.iter_mut().for_each(|(number, _)| *number -= shift);
        Ok(found)
    }

    /// The first record there is from a number on and before another.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn first(&mut self, from: u64, before: u64) -> Result<Option<u64>, StoreError> {
        let Some(Shift { before: shift, since }) = self.numbers.get() else {
            return Ok(Some(from));
        };
        self.version()?;
        let sql = "SELECT min(number) FROM records WHERE number >= ?1 AND number < ?2";
        let first: Option<u64> = self.value(sql, [from.max(since) + shift, before + shift])?;
        Ok(first.map(|first| first - shift))
    }

    /// How many records from one number on and before another were let go of though older ones are there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn gone(&mut self, first: u64, before: u64) -> Result<u64, StoreError> {
        let Some(Shift { before: shift, since }) = self.numbers.get() else { return Ok(0) };
        let first = first.max(since);
        if first >= before || self.version()? < schema::WITH_SOURCES {
            return Ok(0);
        }
        let sql = "SELECT coalesce(sum(min(last, ?2) - max(first, ?1) + 1), 0) FROM gone \
                   WHERE last >= ?1 AND first <= ?2";
        self.value(sql, [first + shift, before + shift - 1])
    }

    /// The number that the next record will have.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn next_number(&mut self) -> Result<u64, StoreError> {
        self.version()?;
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        schema::next(self.connection().map_err(failed)?).map_err(failed)
    }

    /// Records since a moment, or all, oldest first, handed out one by one. Those of this boot are
    /// handed out in any case: whether they are from before, its own clock tells better than the wall
    /// clock as it stood then. So are those that do not tell their time.
    ///
    /// # Errors
    /// The store cannot be read, or `each` fails.
    pub fn each_since<E: From<StoreError>>(
        &mut self,
        since: Option<Timestamp>,
        boot_id: Option<&str>,
        mut each: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let since = since.and_then(|since| i64::try_from(since.as_nanosecond()).ok());
        let mut last = 0;
        loop {
            let since = since.unwrap_or(i64::MIN);
            let some = match self.version()? {
                1 => {
                    let which = "number > ?1 AND (time_ns >= ?2 OR time_ns IS NULL) \
                                 ORDER BY number LIMIT 256";
                    self.read(which, (last, since), last + 1, BATCH_BYTES)?
                }
                _ => {
                    let which = "number > ?1 AND (time_ns >= ?2 OR time_ns IS NULL OR number IN \
                                 (SELECT number FROM moments JOIN boots USING (boot) WHERE boot_id = ?3)) \
                                 ORDER BY number LIMIT 256";
                    self.read(which, (last, since, boot_id), last + 1, BATCH_BYTES)?
                }
            };
            let Some((number, _)) = some.last() else { return Ok(()) };
            last = *number;
            some.into_iter().try_for_each(|(_, record)| each(record))?;
        }
    }

    /// What the agent said of itself, oldest first, handed out one by one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn each_word_of_agent(&mut self, mut each: impl FnMut(Agent)) -> Result<(), StoreError> {
        // Found by their names alone, which are in an index.
        let named: Vec<_> =
            AgentEvent::ALL.iter().map(|event| format!("id LIKE '%-{}'", event.name())).collect();
        let which = format!(
            "number > ?1 AND number IN (SELECT number FROM records WHERE {}) ORDER BY number LIMIT 256",
            named.join(" OR ")
        );
        let mut last = 0;
        loop {
            let some = self.read(&which, [last], last + 1, BATCH_BYTES)?;
            let Some((number, _)) = some.last() else { return Ok(()) };
            last = *number;
            some.into_iter().for_each(|(_, record)| {
                if let Record::Agent(agent) = record {
                    each(*agent);
                }
            });
        }
    }

    /// How many kills the store has from before a moment, by the wall clock as it stood then, and when
    /// the last of them was.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn kills_before(
        &mut self,
        before: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), StoreError> {
        if self.version()? < schema::WITH_BOOTS {
            return Ok((0, None));
        }
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let before = i64::try_from(before.as_nanosecond()).unwrap_or(i64::MAX);
        let sql = "SELECT count(*), max(time_ns) FROM records WHERE time_ns < ?1 \
                   AND number IN (SELECT number FROM moments WHERE tid IS NOT NULL)";
        let connection = self.connection().map_err(failed)?;
        let (count, last) = connection
            .query_row(sql, [before], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))
            .map_err(failed)?;
        Ok((count, last.and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok())))
    }

    /// Whether it has the record of this id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has(&mut self, id: &str) -> Result<bool, StoreError> {
        self.is_there("SELECT 1 FROM records WHERE id = ?1", id)
    }

    /// Whether it has the record of a panic that ended this boot.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_panic_of(&mut self, boot_id: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM records WHERE json ->> '$.type' = 'oom_panic' \
                   AND json ->> '$.boot_id' = ?1";
        self.is_there(sql, boot_id)
    }

    fn is_there(&mut self, sql: &str, of: &str) -> Result<bool, StoreError> {
        self.version()?;
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        connection.prepare(sql).and_then(|mut found| found.exists([of])).map_err(failed)
    }

    /// Records that fit, as they were saved, with their numbers from `least` on. They go up: else a page
    /// of the file is in two places, and what is on it would be told again.
    fn read(
        &mut self,
        which: &str,
        of: impl Params,
        mut least: u64,
        bytes: usize,
    ) -> Result<Vec<(u64, Record)>, StoreError> {
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let sql = match self.version()? {
            1 => format!("SELECT number, json FROM records WHERE {which}"),
            _ => format!(
                "SELECT number, coalesce(json_patch((SELECT json FROM incidents \
                 WHERE number = records.incident), json), json) FROM records WHERE {which}"
            ),
        };
        let connection = self.connection().map_err(failed)?;
        let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query(of).map_err(failed)?;
        let (mut found, mut left) = (Vec::new(), bytes);
        while left > 0
            && let Some(row) = rows.next().map_err(failed)?
        {
            let (number, json): (u64, String) =
                row.get(0).and_then(|number| Ok((number, row.get(1)?))).map_err(failed)?;
            if number < least {
                return Err(StoreError::disorder(&path));
            }
            least = number + 1;
            left = left.saturating_sub(json.len());
            let record = serde_json::from_str(&json);
            found.push((number, record.map_err(|error| StoreError::record(&path, error))?));
        }
        Ok(found)
    }

    /// The one value that this answers.
    fn value<T: FromSql>(&mut self, sql: &str, of: impl Params) -> Result<T, StoreError> {
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        connection.query_row(sql, of, |row| row.get(0)).map_err(failed)
    }

    fn version(&mut self) -> Result<i64, StoreError> {
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        let version = schema::version(connection).map_err(failed)?;
        if let Some(name) = schema::foreign(connection).map_err(failed)? {
            return Err(StoreError::foreign(&path, name));
        }
        match version {
            1..=schema::VERSION => Ok(version),
            other => Err(StoreError::version(&path, other)),
        }
    }

    /// To the file that is there now.
    fn connection(&mut self) -> rusqlite::Result<&Connection> {
        if self.is_agents {
            // A file that nobody may write to can be read all the same.
            let _ = await_writable(&self.path);
        }
        let file = File::at(&self.path);
        let open = self.connection.take().filter(|(_, open)| *open == file);
        let connection = match open {
            Some((open, _)) => open,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let mut connection = Connection::open_with_flags(&self.path, flags)?;
                schema::distrust(&mut connection, size(&self.path), &self.looks)?;
                if self.is_agents {
                    schema::make_no_files(&connection)?;
                }
                connection
            }
        };
        self.looks.store(0, Ordering::Relaxed);
        let (connection, _) = self.connection.insert((connection, file));
        Ok(connection)
    }
}

/// Bytes of a store and of the log beside it.
fn size(path: &Path) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    bytes(path) + bytes(&beside(path, "-wal"))
}
