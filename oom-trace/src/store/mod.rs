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
mod place;
mod prune;
mod schema;
mod source;
mod writer;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use rustix::fs::statvfs;

use self::age::Clocks;
use self::place::{File, Files, beside};
use self::prune::prune;
use self::writer::Writer;
use crate::files::{await_writable, refuse_read_only};
use crate::incident::model::Record;
use crate::setting::{ByteSize, ConfigDuration, may_be_made};

pub use archive::{Archive, BATCH_BYTES, BootSeen, Known, Pruned, Told};
pub use error::StoreError;
pub use late::LateStore;

/// What the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// No record older than this, by the clock of its boot.
    pub max_age: ConfigDuration,
    /// No more than this on disk; the oldest go first, of a source that fills more than half of it.
    pub max_bytes: ByteSize,
}

/// The store, open for writing. One process has it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    files: Files,
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

    /// Finds out whether it could be opened. Creates nothing, takes no lock and does not look into it
    /// by way of SQLite, which would make files beside it.
    ///
    /// # Errors
    /// It could not be, or a newer version made it.
    pub fn try_out(path: &Path) -> Result<(), StoreError> {
        let failed = |io| StoreError::io("open", path, io);
        match OpenOptions::new().read(true).append(true).open(path) {
            Ok(mut file) => match schema::version_in_header(&mut file).map_err(failed)? {
                Some(newer) if newer > schema::VERSION => Err(StoreError::version(path, newer)),
                _ => may_be_made(path).map_err(failed),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                may_be_made(path).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn try_open(path: &Path, retention: &Retention) -> Result<Self, StoreError> {
        let failed = |error| StoreError::sqlite("open", path, error);
        // SQLite gives its other files the mode of this one.
        let made = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
        // So many SQLite takes; of one that it cannot have it says that the disk refuses it.
        let all = made.and_then(|file| Ok([file.try_clone()?, file.try_clone()?, file]));
        all.and_then(|_| await_writable(path)).map_err(|io| StoreError::io("open", path, io))?;
        let mut connection = Connection::open(path).map_err(failed)?;
        schema::prepare(&connection).map_err(failed)?;
        match schema::bring_up(&mut connection).map_err(failed)? {
            schema::VERSION => {}
            other => return Err(StoreError::version(path, other)),
        }
        // Not before: an index that a new version begins may take more than there is.
        schema::make_no_files(&connection).map_err(failed)?;
        let next = schema::next(&connection).map_err(failed)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            files: Files::at(path),
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

    /// The file that it is in.
    fn file(&self) -> Option<File> {
        self.files.store
    }

    /// Itself, if what it writes is still found by its path; else it is closed.
    fn in_place(self) -> Option<Self> {
        if self.files.are_all(&self.path) {
            return Some(self);
        }
        if !self.files.has_store(&self.path) {
            // By their names it would remove another store's files.
            let option = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(option, true);
        }
        None
    }

    /// Notes that this is not the file that the agent had open before.
    fn say_replaced(&mut self) {
        let path = self.path.display();
        self.said.push(if self.next == 1 {
            format!("{path} was removed while in use; a new one is begun")
        } else {
            format!("{path} was replaced while in use; the new one is used from here on")
        });
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
        let refused = |io| StoreError::io("write to", path, io);
        await_writable(path).map_err(refused)?;
        let transaction = self.connection.transaction().map_err(failed)?;
        let mut writer = Writer::new(&transaction);
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
        // It may have become so meanwhile; what is written once more then is there once.
        refuse_read_only(statvfs(path)).map_err(refused)?;
        self.files.see_log(path);
        self.next = self.next.max(first + records.len() as u64);
        Ok(())
    }
}

/// To a name beside it that is free.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let with = |suffix: &str| beside(path, suffix);
    let mut aside = with(&format!(".damaged-{}", Timestamp::now().as_second()));
    let mut again = 1;
    while aside.exists() {
        again += 1;
        aside = with(&format!(".damaged-{}-{again}", Timestamp::now().as_second()));
    }
    fs::rename(path, &aside)?;
    let if_there = |done: io::Result<()>| match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    };
    // The last records may be in the log alone.
    if_there(fs::rename(with("-wal"), beside(&aside, "-wal")))?;
    if_there(fs::remove_file(with("-shm")))?;
    Ok(aside)
}

#[cfg(test)]
mod tests;
