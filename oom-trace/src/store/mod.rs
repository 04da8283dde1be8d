//! Each record once, on disk: what is delivered after a collector's outage or the agent's restart, and
//! what `history` shows.
//!
//! SQLite in its write-ahead mode, each transaction on the disk before it counts
//! (`synchronous = FULL`).

mod age;
mod archive;
mod error;
mod late;
mod patch;
mod schema;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Transaction, params};
use serde_json::Value;

use self::age::Clocks;
use crate::incident::model::Record;
use crate::setting::{Bytes, Lapse};

pub use archive::{Archive, BATCH_BYTES, Known, Pruned, Told};
pub use error::StoreError;
pub use late::LateStore;

/// What the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// No record older than this, by the clock of its boot.
    pub max_age: Lapse,
    /// No more than this on disk; the oldest go first.
    pub max_bytes: Bytes,
}

/// Records deleted between two looks at the size.
const PRUNE: u32 = 256;

/// The store, open for writing. One process has it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    retention: Retention,
    clocks: Clocks,
    next: u64,
    /// What people should hear of opening it.
    said: Vec<String>,
}

impl Store {
    /// Opens it, or makes it, for the owner and the group. What is there and is no store is moved out
    /// of the way.
    ///
    /// # Errors
    /// It can be neither read nor made.
    pub fn open(path: &Path, retention: &Retention) -> Result<Self, StoreError> {
        match Self::try_open(path, retention) {
            Err(error) if error.is_corrupt() => {
                let aside =
                    move_aside(path).map_err(|io| StoreError::io("move aside", path, io))?;
                let mut store = Self::try_open(path, retention)?;
                store.said.push(format!(
                    "{} was damaged ({error}); it is now {}, and a new one is begun",
                    path.display(),
                    aside.display()
                ));
                Ok(store)
            }
            opened => opened,
        }
    }

    fn try_open(path: &Path, retention: &Retention) -> Result<Self, StoreError> {
        let failed = |error| StoreError::sqlite("open", path, error);
        // SQLite gives its other files the mode of this one.
        let made = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
        made.map_err(|io| StoreError::io("open", path, io))?;
        let mut connection = Connection::open(path).map_err(failed)?;
        schema::prepare(&connection).map_err(failed)?;
        match schema::bring_up(&mut connection).map_err(failed)? {
            schema::VERSION => {}
            other => return Err(StoreError::version(path, other)),
        }
        let next = schema::next(&connection).map_err(failed)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            retention: retention.clone(),
            clocks: Clocks::here(),
            next,
            said: Vec::new(),
        })
    }

    /// The number that the next record will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The first record that the sink of this name has not got; `None` if it was never here.
    #[must_use]
    pub fn cursor(&self, sink: &str) -> Option<u64> {
        let sql = "SELECT next FROM cursors WHERE sink = ?1";
        self.connection.query_row(sql, [sink], |row| row.get(0)).ok()
    }

    /// Saves records, numbered from `first` on, and how far each sink is, all or nothing; lets go of
    /// what is too old or too much. Answers what people should hear.
    ///
    /// # Errors
    /// The disk is full, or refuses. Nothing is changed.
    pub fn save(
        &mut self,
        first: u64,
        records: &[Arc<Record>],
        cursors: &[(&str, u64)],
    ) -> Result<Vec<String>, StoreError> {
        match self.try_save(first, records, cursors) {
            Err(error) if error.is_corrupt() => {
                let fresh = Self::open(&self.path, &self.retention)?;
                let Self { said, clocks, .. } = std::mem::replace(self, fresh);
                self.clocks = clocks;
                self.said.extend(said);
                self.try_save(first, records, cursors)?;
            }
            saved => saved?,
        }
        Ok(std::mem::take(&mut self.said))
    }

    fn try_save(
        &mut self,
        first: u64,
        records: &[Arc<Record>],
        cursors: &[(&str, u64)],
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let failed = |error| StoreError::sqlite("write to", path, error);
        let transaction = self.connection.transaction().map_err(failed)?;
        let mut writer = Writer { transaction: &transaction, base: None };
        for (number, record) in (first..).zip(records) {
            writer.insert(number, record).map_err(failed)?;
        }
        let now = self.clocks.now().map(|now| age::see_now(&transaction, &now));
        let now = now.transpose().map_err(failed)?;
        for (sink, next) in cursors {
            let sql = "INSERT INTO cursors VALUES (?1, ?2) \
                       ON CONFLICT (sink) DO UPDATE SET next = excluded.next";
            transaction.execute(sql, params![sink, next]).map_err(failed)?;
        }
        prune(&transaction, &self.retention, now).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.next = self.next.max(first + records.len() as u64);
        Ok(())
    }
}

/// Writes the records of one transaction.
struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    /// The incident that the last record was of, and its row in `incidents`.
    base: Option<(String, i64, Value)>,
}

impl Writer<'_> {
    fn insert(&mut self, number: u64, record: &Record) -> rusqlite::Result<()> {
        let time = record.origin().time.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        let (incident, json) = self.text(record)?;
        let sql = "INSERT OR IGNORE INTO records (number, id, time_ns, json, incident) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut statement = self.transaction.prepare_cached(sql)?;
        if statement.execute(params![number, record.id(), time, json, incident])? == 0 {
            return Ok(());
        }
        let Some(boot) = age::boot_of(self.transaction, record.origin())? else { return Ok(()) };
        let kill = record.kill();
        let sql = "INSERT OR REPLACE INTO moments (number, boot, boot_ns, tid, log_us, kills) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.transaction.prepare_cached(sql)?.execute(params![
            number,
            boot,
            record.origin().boot_ns,
            kill.map(|kill| kill.victim.tid),
            kill.and_then(|kill| kill.log_us),
            kill.map(|kill| kill.kill_count.unwrap_or(1)),
        ])?;
        Ok(())
    }

    /// The record as it is kept: whole, or what makes it of the first one of its incident.
    fn text(&mut self, record: &Record) -> rusqlite::Result<(Option<i64>, String)> {
        let failed =
            |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
        let Some(kill) = record.kill().filter(|kill| kill.victim_count > 1) else {
            return Ok((None, serde_json::to_string(record).map_err(failed)?));
        };
        let whole = serde_json::to_value(record).map_err(failed)?;
        if self.base.as_ref().is_none_or(|(name, ..)| *name != kill.incident) {
            let base = self.base(&kill.incident, &whole)?;
            self.base = Some(base);
        }
        Ok(match &self.base {
            Some((_, row, base)) => (Some(*row), patch::patch(base, &whole).to_string()),
            None => (None, whole.to_string()),
        })
    }

    /// The row that records of this incident are made of; of this record if there is none yet.
    fn base(&self, incident: &str, whole: &Value) -> rusqlite::Result<(String, i64, Value)> {
        let sql = "SELECT number, json FROM incidents WHERE name = ?1";
        let found = self
            .transaction
            .prepare_cached(sql)?
            .query_row([incident], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let (row, base) = match found.optional()? {
            Some((row, json)) => {
                let base = serde_json::from_str(&json).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into())
                })?;
                (row, base)
            }
            None => {
                let sql = "INSERT INTO incidents (name, json) VALUES (?1, ?2)";
                let mut statement = self.transaction.prepare_cached(sql)?;
                let row = statement.insert(params![incident, whole.to_string()])?;
                (row, whole.clone())
            }
        };
        Ok((incident.to_owned(), row, base))
    }
}

/// Lets go of what is too old and too much.
fn prune(
    transaction: &Transaction<'_>,
    retention: &Retention,
    now: Option<i64>,
) -> rusqlite::Result<()> {
    let mut gone = 0;
    if let Some(now) = now {
        for (boot, before) in age::too_old(transaction, now, retention.max_age.0)? {
            let of = "SELECT number FROM moments WHERE boot = ?1 AND boot_ns < ?2";
            gone += delete(transaction, of, params![boot, before])?;
        }
    }
    if gone > 0 {
        // Of those that do not say when they were, their place tells.
        let of = "SELECT number FROM records WHERE number < (SELECT min(number) FROM moments) \
                  AND number NOT IN (SELECT number FROM moments)";
        gone += delete(transaction, of, [])?;
    }
    while schema::used_bytes(transaction)? > retention.max_bytes.0 {
        let of = "SELECT number FROM records ORDER BY number LIMIT ?1";
        let some = delete(transaction, of, [PRUNE])?;
        if some == 0 {
            break;
        }
        gone += some;
        delete_incidents(transaction)?;
    }
    if gone > 0 {
        delete_incidents(transaction)?;
        transaction.execute(
            "DELETE FROM boots WHERE boot < (SELECT min(boot) FROM moments) AND boot IS NOT ?1",
            [now],
        )?;
    }
    Ok(())
}

/// Deletes the records of these numbers, and keeps in mind how far the kills of a boot are told.
fn delete(
    transaction: &Transaction<'_>,
    numbers: &str,
    of: impl Params + Clone,
) -> rusqlite::Result<usize> {
    let told = format!(
        "UPDATE boots SET pruned_kills = pruned_kills + gone.kills, \
         pruned_ns = max(coalesce(pruned_ns, 0), gone.boot_ns), \
         pruned_log_us = coalesce(max(pruned_log_us, gone.log_us), pruned_log_us, gone.log_us) \
         FROM (SELECT boot, sum(kills) AS kills, max(boot_ns) AS boot_ns, max(log_us) AS log_us \
               FROM moments WHERE tid IS NOT NULL AND number IN ({numbers}) GROUP BY boot) AS gone \
         WHERE boots.boot = gone.boot"
    );
    transaction.execute(&told, of.clone())?;
    transaction.execute(&format!("DELETE FROM records WHERE number IN ({numbers})"), of)
}

fn delete_incidents(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM incidents WHERE number NOT IN \
               (SELECT incident FROM records WHERE incident IS NOT NULL)";
    transaction.execute(sql, [])
}

/// To a name beside it that is free.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut aside = with(&format!(".damaged-{}", Timestamp::now().as_second()));
    let mut again = 1;
    while aside.exists() {
        again += 1;
        aside = with(&format!(".damaged-{}-{again}", Timestamp::now().as_second()));
    }
    fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match fs::remove_file(with(suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests;
