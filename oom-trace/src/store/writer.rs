//! Records to rows.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Transaction, ffi, params};
use serde_json::Value;

use super::{Known, age, patch, source};
use crate::incident::model::Record;

/// Writes the records of one transaction.
pub(super) struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    /// The incident that the last record was of, and its row in `incidents`.
    base: Option<(String, i64, Value)>,
    /// The source that the last kill came from, and its row in `sources`.
    source: Option<(String, i64)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>) -> Self {
        Self { transaction, base: None, source: None }
    }

    /// Writes a record, unless it is there already.
    pub(super) fn insert(&mut self, number: u64, record: &Record) -> rusqlite::Result<()> {
        let time = record.origin().time.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        let (incident, json) = self.text(record)?;
        let source = self.source(record)?;
        let sql = "INSERT OR IGNORE INTO records (number, id, time_ns, json, incident, source) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let id = record.id();
        if statement.execute(params![number, id, time, json, incident, source])? == 0 {
            let sql = "SELECT 1 FROM records WHERE id = ?1";
            return match self.transaction.prepare_cached(sql)?.exists([id])? {
                true => Ok(()),
                // What has its number is another's.
                false => Err(two_writers(number)),
            };
        }
        let Some(boot) = age::boot_of(self.transaction, record.origin())? else { return Ok(()) };
        let sql = "INSERT INTO moments (number, boot, boot_ns, tid, log_us, kills) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let boot_ns = record.origin().boot_ns;
        let mut kills = record.kill().into_iter().flat_map(Known::of).peekable();
        if kills.peek().is_none() {
            let (tid, log_us, kills) = (None::<u32>, None::<u64>, None::<u32>);
            statement.execute(params![number, boot, boot_ns, tid, log_us, kills])?;
        }
        for Known { tid, boot_ns, log_us, kills } in kills {
            statement.execute(params![number, boot, boot_ns, tid, log_us, kills])?;
        }
        Ok(())
    }

    /// The row of where a kill came from.
    fn source(&mut self, record: &Record) -> rusqlite::Result<Option<i64>> {
        let Some(name) = source::of(record) else { return Ok(None) };
        if let Some((last, row)) = &self.source
            && *last == name
        {
            return Ok(Some(*row));
        }
        let sql = "INSERT INTO sources (name) VALUES (?1) ON CONFLICT (name) DO UPDATE SET name = name \
                   RETURNING source";
        let row = self.transaction.prepare_cached(sql)?.query_row([&name], |row| row.get(0))?;
        self.source = Some((name, row));
        Ok(Some(row))
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

/// Another agent writes to this store, and has numbered records of its own from the same number on.
fn two_writers(number: u64) -> rusqlite::Error {
    let said =
        format!("another agent has written a record {number} there; give each a store of its own");
    let code = ffi::Error::new(ffi::SQLITE_CONSTRAINT_PRIMARYKEY);
    rusqlite::Error::SqliteFailure(code, Some(said))
}
