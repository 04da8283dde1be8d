use super::*;

fn late(path: &Path) -> LateStore {
    LateStore::open(path, &KEEP_ALL).unwrap()
}

fn remove(path: &Path) {
    for file in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
        let _ = fs::remove_file(file);
    }
}

fn numbers(archive: &mut Archive) -> Vec<u64> {
    let found = archive.from(1, 1 << 32, 1 << 32, usize::MAX).unwrap();
    found.iter().map(|(number, _)| *number).collect()
}

#[test]
fn a_store_that_is_removed_while_in_use_is_begun_anew_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let mut late = late(&path);
    let mut archive = late.archive();
    assert_eq!(late.save(1, &records[..3], &[("x", 2)]).unwrap(), [""; 0]);
    assert_eq!(numbers(&mut archive), [1, 2, 3]);
    remove(&path);
    let said = late.save(4, &records[3..5], &[("x", 4)]).unwrap();
    assert!(said[0].ends_with("was removed while in use; a new one is begun"), "{said:?}");
    assert_eq!(late.save(6, &records[5..6], &[]).unwrap(), [""; 0]);
    // The same numbers, for a reader that had the other file open as well.
    assert_eq!(numbers(&mut archive), [4, 5, 6]);
    assert_eq!(saved(&path).len(), 3);
    drop(late);
    let store = Store::open(&path, &KEEP_ALL).unwrap();
    assert_eq!((store.next(), store.cursor("x")), (7, Some(4)));
}

/// As when the disk is mounted at last: the store of the runs before, with more records than there are ours.
#[test]
fn a_store_that_is_replaced_by_another_gets_what_comes_after_all_that_it_had() {
    let dir = tempfile::tempdir().unwrap();
    let [path, other] = ["records.db", "other.db"].map(|name| dir.path().join(name));
    let records = records();
    let mut store = Store::open(&other, &KEEP_ALL).unwrap();
    store.save(1, &records[..8], &[("behind", 3), ("even", 9)]).unwrap();
    drop(store);
    let mut late = late(&path);
    let mut archive = late.archive();
    late.save(1, &records[8..10], &[]).unwrap();
    assert_eq!(numbers(&mut archive), [1, 2]);
    remove(&path);
    fs::rename(&other, &path).unwrap();
    let said = late.save(3, &records[10..12], &[("behind", 5), ("even", 5)]).unwrap();
    assert!(said[0].contains("was replaced while in use"), "{said:?}");
    assert_eq!(numbers(&mut archive), [3, 4]);
    let expected: Vec<_> = (1..).zip(records[..8].iter().chain(&records[10..12])).collect();
    let expected: Vec<_> = expected.into_iter().map(|(number, it)| (number, it.id())).collect();
    assert_eq!(saved(&path), expected);
    drop(late);
    let store = Store::open(&path, &KEEP_ALL).unwrap();
    let at = ["behind", "even"].map(|sink| store.cursor(sink));
    assert_eq!(at, [Some(3), Some(11)]);
}

/// What is not yet in the store itself is not lost with it.
#[test]
fn a_log_that_is_removed_beside_the_store_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let mut late = late(&path);
    late.save(1, &records[..3], &[]).unwrap();
    fs::remove_file(beside(&path, "-wal")).unwrap();
    assert_eq!(late.save(4, &records[3..5], &[]).unwrap(), [""; 0]);
    // As after SIGKILL: nothing is closed.
    assert_eq!(saved(&path).len(), 5);
    std::mem::forget(late);
}

#[test]
fn a_folder_that_is_gone_is_an_error_until_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("records.db");
    let records = records();
    let mut late = late(&path);
    late.save(1, &records[..3], &[]).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    for _ in 0..2 {
        let error = late.save(4, &records[3..5], &[]).unwrap_err().to_string();
        assert!(error.ends_with("; create its directory first (mkdir -p)"), "{error}");
    }
    fs::create_dir(&inner).unwrap();
    late.save(4, &records[3..5], &[]).unwrap();
    assert_eq!(saved(&path).len(), 2);
}
