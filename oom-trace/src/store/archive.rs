//! The store, for those who read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Params, Row};

use super::place::{File, Numbers, Shift, beside};
use super::{StoreError, schema};
use crate::incident::model::{OomKill, Record};

/// A reader, which opens the store when it first needs it.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// How the numbers that it is asked for become those of the file.
    numbers: Numbers,
    connection: Option<(Connection, Option<File>)>,
    /// How often SQLite looked whether it goes on for too long.
    looks: Arc<AtomicU64>,
}

/// A kill that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The marked thread.
    pub tid: u32,
    /// When, on `CLOCK_BOOTTIME`; for a record of the kernel's log, by that log's clock.
    pub boot_ns: u64,
    /// The stamp of the kernel's own line of it, in microseconds.
    pub log_us: Option<u64>,
    /// How often the kernel counted it.
    pub kills: u32,
}

impl Known {
    /// The kills that a record tells of: those that have no line of their own in the kernel's log
    /// together with the first, and each of the others. Nothing if nobody was killed, or it does not
    /// say when it was.
    pub fn of(kill: &OomKill) -> impl Iterator<Item = Self> + use<> {
        let count = kill.kill_count.unwrap_or(1);
        let lined: Vec<_> =
            kill.killed_again.iter().filter_map(|it| Some((it.tid, Some(it.log_us?)))).collect();
        let others = u32::try_from(lined.len()).unwrap_or(u32::MAX);
        let first = (kill.victim.tid, kill.log_us, count.saturating_sub(others));
        let first = Some(first).filter(|(.., kills)| *kills > 0);
        let lines = first.into_iter().chain(lined.into_iter().map(|(tid, us)| (tid, us, 1)));
        let boot_ns = kill.origin.boot_ns;
        lines.filter_map(move |(tid, log_us, kills)| {
            Some(Self { tid, boot_ns: boot_ns?, log_us, kills })
        })
    }
}

/// What of a boot's kills the store has no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Up to this moment by the boot's clock they were told.
    pub boot_ns: Option<u64>,
    /// And up to this stamp of the kernel's log.
    pub log_us: Option<u64>,
    /// How many kills the kernel counted for them.
    pub kills: u64,
}

/// The kills of a boot that were told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Those that the store has, by thread and time.
    pub kills: Vec<Known>,
    /// Those that it had.
    pub pruned: Pruned,
}

/// A boot that the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSeen {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// When it began, by the wall clock as that stood when it was last seen.
    pub start: Option<Timestamp>,
    /// What the store has let go of.
    pub pruned: Pruned,
}

/// JSON that is read at once.
pub const BATCH_BYTES: usize = 256 << 10;

impl Archive {
    /// Of the store at this path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self::after(path, Numbers::own())
    }

    pub(super) fn after(path: &Path, numbers: Numbers) -> Self {
        Self { path: path.to_owned(), numbers, connection: None, looks: Arc::default() }
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
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let sql = "SELECT coalesce(sum(min(last, ?2) - max(first, ?1) + 1), 0) FROM gone \
                   WHERE last >= ?1 AND first <= ?2";
        let connection = self.connection().map_err(failed)?;
        let of = [first + shift, before + shift - 1];
        connection.query_row(sql, of, |row| row.get(0)).map_err(failed)
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
    /// clock as it stood then.
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
                    let which = "number > ?1 AND time_ns >= ?2 ORDER BY number LIMIT 256";
                    self.read(which, (last, since), last + 1, BATCH_BYTES)?
                }
                _ => {
                    let which = "number > ?1 AND (time_ns >= ?2 OR number IN (SELECT number FROM moments \
                                 JOIN boots USING (boot) WHERE boot_id = ?3)) ORDER BY number LIMIT 256";
                    self.read(which, (last, since, boot_id), last + 1, BATCH_BYTES)?
                }
            };
            let Some((number, _)) = some.last() else { return Ok(()) };
            last = *number;
            some.into_iter().try_for_each(|(_, record)| each(record))?;
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

    /// The boots that it has records of, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn boots(&mut self) -> Result<Vec<BootSeen>, StoreError> {
        match self.version()? {
            schema::WITH_BOOTS..=schema::VERSION => {}
            other => return Err(StoreError::version(&self.path, other)),
        }
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        // An id has 36 characters.
        let sql = "SELECT substr(boot_id, 1, 64), start_ns, pruned_ns, pruned_log_us, pruned_kills \
                   FROM boots ORDER BY boot";
        let connection = self.connection().map_err(failed)?;
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let seen = |row: &Row<'_>| {
            let start = row.get::<_, Option<i64>>(1)?;
            Ok(BootSeen {
                boot_id: row.get(0)?,
                start: start.and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok()),
                pruned: Pruned { boot_ns: row.get(2)?, log_us: row.get(3)?, kills: row.get(4)? },
            })
        };
        let boots = statement.query_map([], seen).map_err(failed)?;
        boots.collect::<Result<_, _>>().map_err(failed)
    }

    /// The kills of a boot, as far as they say when they were by its clock, by thread and time; and
    /// what the store has let go of.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn kills(&mut self, boot_id: &str) -> Result<Told, StoreError> {
        match self.version()? {
            schema::WITH_BOOTS..=schema::VERSION => {}
            other => return Err(StoreError::version(&self.path, other)),
        }
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        let boot =
            "SELECT boot, pruned_ns, pruned_log_us, pruned_kills FROM boots WHERE boot_id = ?1";
        let boot = connection.query_row(boot, [boot_id], |row| {
            let pruned = Pruned { boot_ns: row.get(1)?, log_us: row.get(2)?, kills: row.get(3)? };
            Ok((row.get::<_, i64>(0)?, pruned))
        });
        let Some((boot, pruned)) = boot.optional().map_err(failed)? else {
            return Ok(Told::default());
        };
        let sql = "SELECT tid, boot_ns, log_us, kills FROM moments \
                   WHERE boot = ?1 AND tid IS NOT NULL ORDER BY tid, boot_ns";
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let known = |row: &Row<'_>| {
            Ok(Known {
                tid: row.get(0)?,
                boot_ns: row.get(1)?,
                log_us: row.get(2)?,
                kills: row.get(3)?,
            })
        };
        let kills = statement.query_map([boot], known).map_err(failed)?;
        let kills = kills.collect::<Result<_, _>>().map_err(failed)?;
        Ok(Told { kills, pruned })
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
        let file = File::at(&self.path);
        let open = self.connection.take().filter(|(_, open)| *open == file);
        let connection = match open {
            Some((open, _)) => open,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let mut connection = Connection::open_with_flags(&self.path, flags)?;
                schema::distrust(&mut connection, size(&self.path), &self.looks)?;
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
