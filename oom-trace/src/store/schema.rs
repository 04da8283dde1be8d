//! The tables.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::limits::Limit;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::age::{self, Stands};

/// Of these tables (`PRAGMA user_version`).
pub(super) const VERSION: i64 = 3;

/// The first that has `moments`, `boots` and `incidents`.
pub(super) const WITH_BOOTS: i64 = 2;

/// The first that has `sources` and `gone`.
pub(super) const WITH_SOURCES: i64 = 3;

/// `records`: `number` is never used again (`AUTOINCREMENT`), so that a sink's place stays true.
/// `json` is the whole record, or, where `incident` names a row, a merge patch (RFC 7396) that makes
/// it of that row's.
///
/// `moments`: when a record was by the clock of its boot, and whose kill it tells of; one row more for
/// each further kill that has a line of its own in the kernel's log. Apart from `records`, so that a
/// store of version 1 need not be written anew.
///
/// `boots`, in their order: how long one had run when it was last seen, when it began by the wall
/// clock as that stood last, and what was let go of its kills.
const TABLES: &str = "
    CREATE TABLE incidents (
        number INTEGER PRIMARY KEY,
        name   TEXT NOT NULL UNIQUE,
        json   TEXT NOT NULL
    ) STRICT;
    CREATE TABLE boots (
        boot          INTEGER PRIMARY KEY AUTOINCREMENT,
        boot_id       TEXT NOT NULL UNIQUE,
        seen_ns       INTEGER NOT NULL,
        start_ns      INTEGER,
        pruned_ns     INTEGER,
        pruned_log_us INTEGER,
        pruned_kills  INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE moments (
        number  INTEGER NOT NULL,
        boot    INTEGER NOT NULL,
        boot_ns INTEGER NOT NULL,
        tid     INTEGER,
        log_us  INTEGER,
        kills   INTEGER
    ) STRICT;
    CREATE INDEX moments_by_number ON moments (number);
    CREATE INDEX moments_by_boot ON moments (boot, boot_ns, tid, log_us, kills);
    CREATE INDEX records_by_incident ON records (incident) WHERE incident IS NOT NULL;
    CREATE TRIGGER record_gone AFTER DELETE ON records BEGIN
        DELETE FROM moments WHERE number = old.number;
    END;
    PRAGMA user_version = 2;";

/// `sources`: where kills came from ([`super::source`]), and how many bytes of `records` are from there. Records
/// of earlier versions have none, for they need not be written anew.
///
/// `gone`: from which number to which records were let go of while older ones stayed; sinks that had not got
/// them count them.
const SOURCES: &str = "
    CREATE TABLE sources (
        source INTEGER PRIMARY KEY,
        name   TEXT NOT NULL UNIQUE,
        bytes  INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE gone (
        first INTEGER PRIMARY KEY,
        last  INTEGER NOT NULL
    ) STRICT;
    ALTER TABLE records ADD COLUMN source INTEGER;
    CREATE INDEX records_by_source ON records (source) WHERE source IS NOT NULL;
    CREATE TRIGGER record_made AFTER INSERT ON records WHEN new.source IS NOT NULL BEGIN
        UPDATE sources SET bytes = bytes + octet_length(new.json) WHERE source = new.source;
    END;
    CREATE TRIGGER record_of_a_source_gone AFTER DELETE ON records WHEN old.source IS NOT NULL BEGIN
        UPDATE sources SET bytes = bytes - octet_length(old.json) WHERE source = old.source;
    END;
    PRAGMA user_version = 3;";

const FIRST_TABLES: &str = "
    CREATE TABLE records (
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        id       TEXT NOT NULL UNIQUE,
        time_ns  INTEGER,
        json     TEXT NOT NULL,
        incident INTEGER
    ) STRICT;
    CREATE INDEX records_by_time ON records (time_ns);
    CREATE TABLE cursors (
        sink TEXT PRIMARY KEY,
        next INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;";

/// What holds for each connection that writes. Small: the agent's memory is locked.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -512)?;
    // What was pruned is on the disk no more.
    connection.pragma_update(None, "secure_delete", "FAST")
}

/// Longest text or row that is read. A record has some KiB.
const LONGEST: i32 = 32 << 20;

/// Instructions of SQLite's for a statement, beside as many for each byte of the store: it takes some for
/// a row, and a row has more bytes than that.
const STEPS: u64 = 4_000_000;
const STEPS_PER_BYTE: u64 = 4;

/// Instructions between two looks at how many there were.
const LOOK: i32 = 100_000;

/// What holds for each connection that reads: the file may be anyone's, and be meant to work the reader.
/// Its pages may name one another such that they are no tree, and have no end: a statement that takes
/// more than `bytes` can account for is interrupted. Whoever begins one sets `looks` to 0.
pub(super) fn distrust(
    connection: &mut Connection,
    bytes: u64,
    looks: &Arc<AtomicU64>,
) -> rusqlite::Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let most =
        STEPS.saturating_add(bytes.saturating_mul(STEPS_PER_BYTE)) / u64::from(LOOK.unsigned_abs());
    let looks = Arc::clone(looks);
    connection.progress_handler(LOOK, Some(move || looks.fetch_add(1, Ordering::Relaxed) > most))
}

/// Has what a statement sorts stay in memory: the agent may write nowhere but beside its files.
pub(super) fn make_no_files(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// A thing in the file that answers by running what its author wrote: a view, or a column that is computed.
pub(super) fn foreign(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT schema.name FROM sqlite_schema AS schema WHERE schema.type = 'view' OR schema.type = 'table' AND \
               (rootpage = 0 OR EXISTS (SELECT 1 FROM pragma_table_xinfo(schema.name) WHERE hidden <> 0))";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// The version that a file of SQLite's says at its beginning (its file format, §1.3), which may lag
/// behind what waits in the log beside it; `None` for a file that is none.
pub(super) fn version_in_header(file: &mut impl Read) -> io::Result<Option<i64>> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    const USER_VERSION: std::ops::Range<usize> = 60..64;
    let mut header = [0; USER_VERSION.end];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let number = header.get(USER_VERSION).and_then(|bytes| bytes.try_into().ok());
    let number = number.filter(|_| header.starts_with(MAGIC)).map(i32::from_be_bytes);
    Ok(number.map(i64::from))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the tables to [`VERSION`], all or nothing; answers the version that they have then, which
/// may be one that this program does not know.
pub(super) fn bring_up(connection: &mut Connection) -> rusqlite::Result<i64> {
    if version(connection)? == VERSION {
        return Ok(VERSION);
    }
    let transaction = connection.transaction()?;
    match version(&transaction)? {
        0 => transaction.execute_batch(&[FIRST_TABLES, TABLES].concat())?,
        1 => upgrade(&transaction)?,
        WITH_BOOTS => {}
        other => return Ok(other),
    }
    transaction.execute_batch(SOURCES)?;
    transaction.commit()?;
    Ok(VERSION)
}

fn upgrade(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("ALTER TABLE records ADD COLUMN incident INTEGER")?;
    transaction.execute_batch(TABLES)?;
    // One by one: a store may be larger than the agent's memory.
    let sql = "SELECT number, time_ns, json ->> '$.boot_id', json ->> '$.boot_ns', \
               CASE WHEN json ->> '$.type' = 'oom_kill' AND json ->> '$.kill_count' IS NOT 0 \
                    THEN json ->> '$.victim.tid' END, \
               coalesce(json ->> '$.kill_count', 1) FROM records ORDER BY number";
    let mut old = transaction.prepare(sql)?;
    let mut rows = old.query([])?;
    let insert = "INSERT INTO moments (number, boot, boot_ns, tid, kills) \
                  VALUES (?1, ?2, ?3, ?4, CASE WHEN ?4 IS NOT NULL THEN ?5 END)";
    let mut insert = transaction.prepare(insert)?;
    while let Some(row) = rows.next()? {
        let (number, time): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        let (Some(boot_id), Some(boot_ns)) = (row.get::<_, Option<String>>(2)?, row.get(3)?) else {
            continue;
        };
        let (tid, kills): (Option<i64>, i64) = (row.get(4)?, row.get(5)?);
        let start = time.map(|time| time.saturating_sub(boot_ns));
        let boot = age::see(transaction, &boot_id, boot_ns, start, Stands::Now)?;
        insert.execute(params![number, boot, boot_ns, tid, kills])?;
    }
    Ok(())
}

/// One more than the greatest number ever used.
pub(super) fn next(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT 1 + max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0), \
               coalesce((SELECT max(next) - 1 FROM cursors), 0))";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Bytes of pages that hold something.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let value = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let used = value("page_count")?.saturating_sub(value("freelist_count")?);
    Ok(used * value("page_size")?)
}
