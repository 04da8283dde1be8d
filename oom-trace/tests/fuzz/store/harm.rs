//! What is done to a store.

use std::fs;
use std::path::Path;

use fastrand::Rng;
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::mutate::change;

/// Bytes of a page of SQLite's.
const PAGE: usize = 4096;

/// Names that people would not give.
const NAMES: [&str; 5] =
    ["", "\u{1b}[31m", "22222222-0000-4000-8000-000000000002", "\u{202e}", "a\nb"];

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    connection
}

fn number(rng: &mut Rng) -> Option<i64> {
    Some(match rng.u8(..6) {
        0 => return None,
        1 => i64::MAX,
        2 => i64::MIN,
        3 => rng.i64(..),
        4 => rng.i64(-2..20),
        _ => 1_772_344_800_000_000_000 + rng.i64(..1 << 48),
    })
}

/// Leaves what a record says, and changes all that is said of it. What the tables do not take is not done.
pub(crate) fn move_rows(rng: &mut Rng, path: &Path) {
    let connection = open(path);
    for _ in 0..rng.usize(1..10) {
        let row = rng.i64(..14);
        let [one, other] = [number(rng), number(rng)];
        let name = NAMES[rng.usize(..NAMES.len())];
        let column = ["boot_ns", "tid", "log_us", "kills", "boot", "number"][rng.usize(..6)];
        let of_boot = ["seen_ns", "start_ns", "pruned_ns", "pruned_log_us", "pruned_kills"];
        let of_boot = of_boot[rng.usize(..5)];
        let run = |sql: &str| {
            let _ = connection.execute_batch(sql);
        };
        match rng.u8(..16) {
            0 | 1 => {
                let sql = "UPDATE records SET time_ns = ?1 WHERE number = ?2";
                let _ = connection.execute(sql, params![one, row]);
            }
            2 => {
                let sql = "UPDATE records SET number = ?1 WHERE number = ?2";
                let _ = connection.execute(sql, params![one, row]);
            }
            3 => {
                run("UPDATE records SET number = -number; UPDATE records SET number = 20 + number");
            }
            4 | 5 => {
                let sql = format!("UPDATE moments SET {column} = ?1 WHERE number = ?2");
                let _ = connection.execute(&sql, params![one, row]);
            }
            6 | 7 => {
                let sql = format!("UPDATE boots SET {of_boot} = ?1 WHERE boot = ?2");
                let _ = connection.execute(&sql, params![one, row % 3]);
            }
            8 => {
                let sql = "UPDATE boots SET boot_id = ?1 WHERE boot = ?2";
                let _ = connection.execute(sql, params![name, row % 3]);
            }
            9 => {
                let sql = "INSERT INTO boots (boot_id, seen_ns, start_ns) VALUES (?1, ?2, ?3)";
                let _ = connection.execute(sql, params![name, one, other]);
            }
            10 => {
                let sql = "INSERT INTO moments VALUES (?1, 1, ?2, ?3, ?2, ?3)";
                let _ = connection.execute(sql, params![row, one, other]);
            }
            11 => {
                let table = ["records", "moments", "boots", "incidents", "cursors"][rng.usize(..5)];
                run(&format!("DELETE FROM {table} WHERE rowid = {row}"));
            }
            12 => {
                let sql = "INSERT INTO records SELECT ?1, id || 'x', ?2, json, incident FROM records \
                           WHERE number = ?3";
                let _ = connection.execute(sql, params![one, other, row]);
            }
            13 => run(&format!("PRAGMA user_version = {}", rng.u8(..4))),
            14 => {
                let sql = "UPDATE sqlite_sequence SET seq = ?1";
                let _ = connection.execute(sql, params![one]);
                let _ = connection.execute("UPDATE cursors SET next = ?1", params![other]);
            }
            _ => {
                run(["VACUUM", "DROP INDEX records_by_time", "DROP TABLE moments"][rng.usize(..3)]);
            }
        }
    }
}

/// Other texts in the place of records.
pub(crate) fn rewrite_records(rng: &mut Rng, path: &Path) {
    let connection = open(path);
    for _ in 0..rng.usize(1..5) {
        let (row, table) = (rng.i64(..14), if rng.u8(..4) == 0 { "incidents" } else { "records" });
        let sql = format!("SELECT json FROM {table} WHERE number = ?1");
        let Ok(json) = connection.query_row(&sql, [row], |row| row.get::<_, String>(0)) else {
            continue;
        };
        let json = rewritten(rng, &json);
        let sql = format!("UPDATE {table} SET json = ?1 WHERE number = ?2");
        let _ = connection.execute(&sql, params![json, row]);
        if rng.u8(..3) == 0 {
            let sql = "UPDATE records SET incident = ?1 WHERE number = ?2";
            let _ = connection.execute(sql, params![rng.i64(..4), row]);
        }
    }
}

/// Values in the place of others, most often such that it can still be read.
fn rewritten(rng: &mut Rng, json: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(json) else { return json.to_owned() };
    for _ in 0..rng.usize(1..6) {
        let at = leaf(rng, &mut value);
        *at = match &*at {
            Value::String(_) => ["", "\u{1b}[2J\n\u{202e}<b>&\"", "/a/../b.service", "é\u{9b}"]
                [rng.usize(..4)]
            .into(),
            Value::Number(_) => match rng.u8(..5) {
                0 => u64::MAX.into(),
                1 => i64::MIN.into(),
                2 => u32::MAX.into(),
                3 => 0.into(),
                _ => rng.u64(..).into(),
            },
            _ => [Value::Null, true.into(), 1.into()][rng.usize(..3)].clone(),
        };
    }
    let mut text = value.to_string().into_bytes();
    if rng.u8(..3) == 0 {
        (0..rng.usize(1..4)).for_each(|_| change(rng, &mut text));
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Something in it that has nothing in itself.
fn leaf<'v>(rng: &mut Rng, value: &'v mut Value) -> &'v mut Value {
    let count = match value {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if count == 0 {
        return value;
    }
    let which = rng.usize(..count);
    match value {
        Value::Object(members) => leaf(rng, members.values_mut().nth(which).unwrap()),
        other => leaf(rng, &mut other[which]),
    }
}

/// Bytes of the file, and of the log beside it.
pub(crate) fn spoil(rng: &mut Rng, path: &Path) {
    let log = path.with_file_name("records.db-wal");
    let path = if log.exists() && rng.bool() { &log } else { path };
    let mut bytes = fs::read(path).unwrap();
    for _ in 0..rng.usize(1..30) {
        if bytes.len() < PAGE {
            break;
        }
        let pages = bytes.len() / PAGE;
        let page = rng.usize(..pages) * PAGE;
        // A page's header and its table of cells are at its beginning.
        let near = if rng.bool() { rng.usize(..64) } else { rng.usize(..PAGE) };
        let at = page + near;
        match rng.u8(..10) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] ^= 1 << rng.u8(..8),
            2 => {
                let number = u32::try_from(rng.usize(..pages + 2)).unwrap();
                let at = at.min(bytes.len() - 4);
                bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
            }
            3 => {
                let from = rng.usize(..pages) * PAGE;
                bytes.copy_within(from..from + PAGE, page);
            }
            4 if rng.u8(..4) == 0 => bytes.truncate(at),
            5 => bytes[rng.usize(..100)] = rng.u8(..),
            // A cell in the place of another.
            6 => {
                let cells = page + 8..page + 40;
                let (one, other) = (rng.usize(cells.clone()) & !1, rng.usize(cells) & !1);
                bytes.copy_within(one..one + 2, other);
            }
            7 => {
                let end = (at + rng.usize(..300)).min(bytes.len());
                bytes[at..end].fill([0, 0xff][rng.usize(..2)]);
            }
            _ => {
                let end = (at + rng.usize(1..9)).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|byte| *byte = rng.u8(..));
            }
        }
    }
    fs::write(path, bytes).unwrap();
}
