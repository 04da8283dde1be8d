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

/// Bytes of a page.
const PAGE: usize = 4096;

/// Makes the table of this name one of several pages, and hands out its first one, which names the
/// others, and the whole file.
fn with_root(
    sql: &str,
    table: &str,
    change: impl FnOnce(usize, &mut Vec<u8>),
) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    store.save(1, &records()[..1], &[]).unwrap();
    store.connection.execute_batch(sql).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: usize = store.connection.query_row(root, [table], |row| row.get(0)).unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[(root - 1) * PAGE], 5, "an interior page");
    change(root, &mut bytes);
    let pages = u32::try_from(bytes.len() / PAGE).unwrap();
    bytes[28..32].copy_from_slice(&pages.to_be_bytes());
    fs::write(&path, bytes).unwrap();
    dir
}

/// Where an interior page names the pages below it.
fn children(page: &[u8]) -> Vec<usize> {
    let count = usize::from(u16::from_be_bytes([page[3], page[4]]));
    let cells = page[12..].chunks(2).take(count);
    let cells = cells.map(|at| usize::from(u16::from_be_bytes([at[0], at[1]])));
    cells.chain([8]).collect()
}

#[test]
fn no_record_is_told_twice_where_pages_name_one_another() {
    let more =
        "WITH RECURSIVE turn(number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM turn LIMIT 40)
                INSERT INTO records (number, id, time_ns, json, incident) SELECT turn.number, 'id' || turn.number, time_ns, json, incident
                FROM turn, records WHERE records.number = 1;";
    let dir = with_root(more, "records", |root, bytes| {
        let page = &mut bytes[(root - 1) * PAGE..][..PAGE];
        let [first, second, ..] = *children(page) else { panic!() };
        page.copy_within(first..first + 4, second);
    });
    let mut archive = Archive::at(&dir.path().join("records.db"));
    let error = archive.from(0, 1000, 1000, usize::MAX).unwrap_err().to_string();
    assert!(error.contains("its rows are out of order"), "{error}");
    let mut count = 0;
    let each = archive.each_since(None, None, |_| {
        count += 1;
        Ok::<_, StoreError>(())
    });
    assert!(each.is_err() && count < 42, "{count}");
}

#[test]
fn what_goes_on_for_ever_is_interrupted() {
    let more = "WITH RECURSIVE turn(number) AS (SELECT 10 UNION ALL SELECT number + 1 FROM turn LIMIT 3000)
                INSERT INTO boots SELECT number, hex(zeroblob(20)) || number, 0, 0, 0, 0, 0 FROM turn;";
    // Seven pages, each of which names the next one some forty times.
    let dir = with_root(more, "boots", |root, bytes| {
        let mut page = bytes[(root - 1) * PAGE..][..PAGE].to_vec();
        for _ in 0..7 {
            let number = u32::try_from(bytes.len() / PAGE).unwrap() + 1;
            bytes.extend_from_slice(&page);
            children(&page)
                .iter()
                .for_each(|at| page[*at..at + 4].copy_from_slice(&number.to_be_bytes()));
        }
        bytes[(root - 1) * PAGE..][..PAGE].copy_from_slice(&page);
    });
    let mut archive = Archive::at(&dir.path().join("records.db"));
    let error = archive.boots().unwrap_err().to_string();
    assert!(error.contains("does not come to an end"), "{error}");
}
