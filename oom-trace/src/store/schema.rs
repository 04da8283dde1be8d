//! The tables.

use rusqlite::Connection;

/// Of these tables (`PRAGMA user_version`).
pub(super) const VERSION: i64 = 1;

/// `number` is never used again (`AUTOINCREMENT`), so that a sink's place stays true.
const TABLES: &str = "
    BEGIN;
    CREATE TABLE records (
        number  INTEGER PRIMARY KEY AUTOINCREMENT,
        id      TEXT NOT NULL UNIQUE,
        time_ns INTEGER,
        json    TEXT NOT NULL
    ) STRICT;
    CREATE INDEX records_by_time ON records (time_ns);
    CREATE TABLE cursors (
        sink TEXT PRIMARY KEY,
        next INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
    COMMIT;";

/// What holds for each connection that writes. Small: the agent's memory is locked.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -512)?;
    // What was pruned is on the disk no more.
    connection.pragma_update(None, "secure_delete", "FAST")
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
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
