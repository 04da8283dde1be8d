//! From version 1.

use super::*;
use crate::incident::model::OomKill;

/// The tables as version 1 made them.
const VERSION_1: &str = "
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
    PRAGMA user_version = 1;";

/// What a version before this one wrote: without what has come since.
fn json_of_version_1(record: &Record) -> String {
    let mut json = serde_json::to_value(record).unwrap();
    let members = json.as_object_mut().unwrap();
    members.remove("log_us");
    members.remove("shrunk");
    json.to_string()
}

fn version_1(path: &Path, records: &[Arc<Record>]) -> Connection {
    let old = Connection::open(path).unwrap();
    schema::prepare(&old).unwrap();
    old.execute_batch(VERSION_1).unwrap();
    for (number, record) in (1_u64..).zip(records) {
        let time = record.origin().time.map(|time| i64::try_from(time.as_nanosecond()).unwrap());
        old.execute(
            "INSERT INTO records VALUES (?1, ?2, ?3, ?4)",
            params![number, record.id(), time, json_of_version_1(record)],
        )
        .unwrap();
    }
    old.execute("INSERT INTO cursors VALUES ('x', 3)", []).unwrap();
    old
}

/// Records as their JSON, with their numbers.
fn read(path: &Path) -> Vec<(u64, String)> {
    let all = Archive::at(path).from(0, u64::MAX >> 1, usize::MAX >> 1, usize::MAX).unwrap();
    let json = |record| serde_json::to_string(&record).unwrap();
    all.into_iter().map(|(number, record)| (number, json(record))).collect()
}

#[test]
fn a_store_of_version_1_is_brought_up_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    // Version 1 knew no stamps of the log.
    let mut records = records();
    records.retain(|record| record.kill().is_none_or(|kill| kill.log_us.is_none()));
    drop(version_1(&path, &records));
    let before = read(&path);
    assert_eq!(before.len(), records.len());
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    assert_eq!((store.next(), store.cursor("x")), (records.len() as u64 + 1, Some(3)));
    assert_eq!(read(&path), before);
    let told = Archive::at(&path).kills(BOOT).unwrap();
    let is_killed = |kill: &OomKill| kill.origin.boot_ns.is_some() && kill.kill_count != Some(0);
    let kills = records.iter().filter(|it| it.kill().is_some_and(is_killed));
    assert_eq!(told.kills.len(), kills.count());
    let counted: u64 = told.kills.iter().map(|known| u64::from(known.kills)).sum();
    let kill_count = |it: &Arc<Record>| {
        let kill = it.kill().filter(|kill| kill.origin.boot_ns.is_some())?;
        Some(u64::from(kill.kill_count.unwrap_or(1)))
    };
    assert_eq!(counted, records.iter().filter_map(kill_count).sum::<u64>());
    let next = store.next();
    store.save(next, &group(2, 0), &[]).unwrap();
    assert_eq!(read(&path).len(), records.len() + 2);
}

/// What was there before goes first, whatever has a source.
#[test]
fn a_store_of_version_2_has_no_sources_and_its_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let kill = |nth| Arc::new(Record::OomKill(Box::new(sources::kill(nth, Some("a.service")))));
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    store.save(1, &(1..=200).map(kill).collect::<Vec<_>>(), &[]).unwrap();
    let undo = "DROP TRIGGER record_made; DROP TRIGGER record_of_a_source_gone; \
                DROP INDEX records_by_source; DROP TABLE sources; DROP TABLE gone; \
                ALTER TABLE records DROP COLUMN source; PRAGMA user_version = 2;";
    store.connection.execute_batch(undo).unwrap();
    drop(store);
    let before = read(&path);
    assert_eq!(before.len(), 200);
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    assert_eq!(read(&path), before);
    store.retention.max_bytes = ByteSize(schema::used_bytes(&store.connection).unwrap() - 1);
    store.save(201, &[kill(201), kill(202)], &[]).unwrap();
    let left: Vec<_> = read(&path).into_iter().map(|(number, _)| number).collect();
    let first = left[0];
    assert!(first > 1 && left == (first..=202).collect::<Vec<_>>(), "{left:?}");
}

#[test]
fn a_store_that_cannot_be_brought_up_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let old = version_1(&path, &records);
    // What is in the way of the last step.
    old.execute_batch("CREATE TABLE moments (x)").unwrap();
    let before = read(&path);
    assert!(Store::open(&path, &KEEP_ALL).is_err());
    assert_eq!(read(&path), before);
    old.execute_batch("DROP TABLE moments").unwrap();
    Store::open(&path, &KEEP_ALL).unwrap();
    assert_eq!(read(&path), before);
}
