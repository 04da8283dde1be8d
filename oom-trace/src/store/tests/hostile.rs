//! A store of someone who means ill, or one that was stolen and changed.

use super::*;

/// A store with a record in it, changed by this SQL, and what a reader of it says.
fn said_of(sql: &str) -> Result<usize, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    store.save(1, &records()[..1], &[]).unwrap();
    store.connection.execute_batch(sql).unwrap();
    drop(store);
    let read = Archive::at(&path).from(0, u64::MAX >> 1, usize::MAX >> 1, usize::MAX);
    read.map(|records| records.len()).map_err(|error| error.to_string())
}

#[test]
fn what_would_run_is_not_asked() {
    assert_eq!(said_of(""), Ok(1));
    // Without an end.
    let view = "ALTER TABLE records RENAME TO others;
                CREATE VIEW records AS WITH RECURSIVE turn(number) AS
                    (SELECT 1 UNION ALL SELECT number + 1 FROM turn)
                SELECT number, '' AS id, 0 AS time_ns, '{}' AS json, NULL AS incident FROM turn WHERE number < 0;";
    let computed = "ALTER TABLE records ADD COLUMN more TEXT AS (hex(json));";
    for (sql, name) in [(view, "records"), (computed, "records")] {
        let error = said_of(sql).unwrap_err();
        assert!(error.contains(&format!(": {name} in it runs what someone else wrote")), "{error}");
    }
}

#[test]
fn what_is_no_record_is_an_error_and_takes_no_memory() {
    let json = |json: &str| said_of(&format!("UPDATE records SET json = {json};")).unwrap_err();
    assert!(json("'{\"type\":'").contains("a record in it cannot be read"));
    assert!(
        json("replace(hex(zeroblob(5000)), '00', '[')").contains("a record in it cannot be read")
    );
    let large = json("CAST(zeroblob(40000000) AS TEXT)");
    assert!(large.contains("string or blob too big"), "{large}");
}
