use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::incident::model::KilledAgain;
use crate::render::fixtures;

mod age;
mod hostile;
mod ids;
mod place;
mod sources;
mod upgrade;

const KEEP_ALL: Retention = Retention {
    max_age: ConfigDuration(Duration::from_secs(1 << 40)),
    max_bytes: ByteSize(1 << 30),
};

/// Some of the fixtures tell of the same kill.
fn records() -> Vec<Arc<Record>> {
    let mut ids = HashSet::new();
    let all = fixtures::all().into_iter().map(|(_, record)| Arc::new(record));
    all.filter(|record| ids.insert(record.id())).collect()
}

fn saved(path: &Path) -> Vec<(u64, String)> {
    let all = Archive::at(path).from(0, u64::MAX >> 1, usize::MAX >> 1, usize::MAX).unwrap();
    all.into_iter().map(|(number, record)| (number, record.id())).collect()
}

#[test]
fn each_record_is_there_once_with_its_number_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let ids: Vec<_> = (1..).zip(records.iter().map(|record| record.id())).collect();
    {
        let mut store = Store::open(&path, &KEEP_ALL).unwrap();
        assert_eq!((store.next(), store.cursor("x")), (1, None));
        store.save(1, &records[..5], &[("x", 3)]).unwrap();
        // The agent was killed before it knew that these were saved.
        store.save(1, &records[..5], &[("x", 4)]).unwrap();
        store.save(6, &records[5..], &[]).unwrap();
    }
    assert_eq!(saved(&path), ids);
    let store = Store::open(&path, &KEEP_ALL).unwrap();
    assert_eq!((store.next(), store.cursor("x")), (records.len() as u64 + 1, Some(4)));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640, 0);
}

/// Each numbers its records from where the store stood when it opened it.
#[test]
fn a_second_agent_that_writes_to_it_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let [mut one, mut other] = [(); 2].map(|()| Store::open(&path, &KEEP_ALL).unwrap());
    other.save(1, &records[..3], &[]).unwrap();
    let error = one.save(1, &records[3..5], &[]).unwrap_err().to_string();
    assert!(error.contains("another agent has written a record 1 there"), "{error}");
    assert_eq!(saved(&path).len(), 3);
}

#[test]
fn what_does_not_tell_its_time_is_handed_on_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    Store::open(&path, &KEEP_ALL).unwrap().save(1, &records, &[]).unwrap();
    let since = |since| {
        let mut ids = Vec::new();
        let mut archive = Archive::at(&path);
        let each = archive.each_since(since, None, |record| {
            ids.push(record.id());
            Ok::<_, StoreError>(())
        });
        each.unwrap();
        ids
    };
    let all: Vec<_> = records.iter().map(|record| record.id()).collect();
    assert_eq!(since(None), all);
    let timeless = records.iter().filter(|record| record.origin().time.is_none());
    let timeless: Vec<_> = timeless.map(|record| record.id()).collect();
    assert!(!timeless.is_empty());
    assert_eq!(since("2200-01-01T00:00:00Z".parse().ok()), timeless);
}

#[test]
fn what_could_not_be_opened_at_first_goes_on_where_it_was_once_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let ids: Vec<_> = (1..).zip(records.iter().map(|record| record.id())).collect();
    Store::open(&path, &KEEP_ALL)
        .unwrap()
        .save(1, &records[..5], &[("old", 2), ("even", 6)])
        .unwrap();

    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut late = LateStore::open(&path, &KEEP_ALL).unwrap();
    let mut archive = late.archive();
    assert_eq!((late.is_open(), late.next(), late.cursor("old")), (false, 1, None));
    let error = late.save(1, &records[5..6], &[]).unwrap_err().to_string();
    assert!(error.ends_with("; another program has it open"), "{error}");
    assert_eq!(archive.from(1, 9, 9, BATCH_BYTES).unwrap(), []);
    drop(other);
    // The sixth was lost meanwhile.
    late.save(2, &records[6..8], &[("old", 3), ("even", 3), ("new", 2)]).unwrap();
    late.save(4, &records[8..], &[("old", 4), ("even", 4), ("new", 4)]).unwrap();
    let found = archive.from(1, 5, 9, BATCH_BYTES).unwrap();
    assert!(found.iter().map(|(number, _)| *number).eq(2..5), "{found:#?}");
    let but_the_sixth: Vec<_> = ids[..5].iter().chain(&ids[6..]).cloned().collect();
    assert_eq!(saved(&path), but_the_sixth);
    let store = Store::open(&path, &KEEP_ALL).unwrap();
    let at = ["old", "even", "new"].map(|sink| store.cursor(sink));
    assert_eq!(at, [Some(2), Some(9), Some(9)]);
}

#[test]
fn what_is_too_old_or_too_much_goes_and_no_number_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let all = records.len() as u64;
    let retention = Retention { max_age: ConfigDuration(Duration::from_secs(1)), ..KEEP_ALL };
    let mut store = Store::open(&path, &retention).unwrap();
    store.save(1, &records, &[]).unwrap();
    // Those that do not tell their time are kept.
    let timeless = records.iter().filter(|record| record.origin().time.is_none()).count();
    assert_eq!(saved(&path).len(), timeless);
    drop(store);
    let retention = Retention { max_bytes: ByteSize(0), ..KEEP_ALL };
    let mut store = Store::open(&path, &retention).unwrap();
    store.save(all + 1, &records, &[]).unwrap();
    assert_eq!(saved(&path), []);
    drop(store);
    assert_eq!(Store::open(&path, &KEEP_ALL).unwrap().next(), 2 * all + 1);
}

#[test]
fn what_is_no_store_is_moved_aside_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    fs::write(&path, "no database at all, but longer than a header of one\n".repeat(100)).unwrap();
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    let said = store.save(1, &records(), &[]).unwrap();
    assert!(said[0].contains("was damaged") && said[0].contains(".damaged-"), "{said:?}");
    assert_eq!(aside(dir.path()).len(), 1);
}

/// Names of what was moved aside.
fn aside(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains(".damaged-")).collect();
    names.sort();
    names
}

/// What was saved last may be in SQLite's log alone.
#[test]
fn the_log_of_a_damaged_store_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    store.save(1, &records(), &[]).unwrap();
    // As SIGKILL leaves them.
    let files =
        ["", "-wal", "-shm"].map(|suffix| (suffix, fs::read(beside(&path, suffix)).unwrap()));
    drop(store);
    for (suffix, bytes) in files {
        fs::write(beside(&path, suffix), bytes).unwrap();
    }
    let damaged = move_aside(&path).unwrap();
    assert_eq!(aside(dir.path()).len(), 2);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    assert_eq!(saved(&damaged).len(), records().len());
}

#[test]
fn a_store_of_another_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    drop(Store::open(&path, &KEEP_ALL).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    let error = Store::open(&path, &KEEP_ALL).unwrap_err().to_string();
    assert!(error.contains("version 7") && error.contains("newer"), "{error}");
    let nowhere = Store::open(Path::new("/nonexistent/x.db"), &KEEP_ALL).unwrap_err().to_string();
    assert!(nowhere.contains("mkdir -p"), "{nowhere}");
}

const BOOT: &str = "7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11";

/// A group kill in a deep cgroup, each victim with arguments of its own.
fn group(victims: u32, incident: u64) -> Vec<Arc<Record>> {
    let all = fixtures::all();
    let kill = all.into_iter().find_map(|(name, record)| match record {
        Record::OomKill(kill) if name == "everything" => Some(kill),
        _ => None,
    });
    let mut kill = kill.unwrap();
    let path = format!("/{}", "d".repeat(200)).repeat(20);
    kill.incident = format!("7c6e5a0c-{incident}");
    kill.origin.boot_ns = Some(incident);
    kill.victim_count = victims;
    let limit = kill.shortage.limit.as_mut().unwrap();
    limit.cgroup = Some(path.clone().into());
    let above = (1..20).rev().map(|depth| {
        let path = path.get(..depth * 201).unwrap();
        crate::incident::model::Limit { cgroup: Some(path.into()), ..limit.clone() }
    });
    limit.ancestors = Some(above.collect());
    kill.victim.cgroup.as_mut().unwrap().path = path.clone().into();
    kill.group = Some(path.clone().into());
    let candidates = kill.candidates.as_mut().unwrap();
    candidates.top = vec![candidates.top[0].clone(); 10];
    for candidate in &mut candidates.top {
        candidate.cgroup = Some(path.clone().into());
    }
    let victim = |index: u32| {
        let mut kill = kill.clone();
        kill.victim_index = index + 1;
        kill.kill_count = Some(if index == 0 { 2 } else { 1 });
        let at_the_end = KilledAgain { tid: 999, log_us: Some(incident / 1000 + 5000) };
        kill.killed_again = Some(at_the_end).filter(|_| index == 0).into_iter().collect();
        kill.victim.tid = 1000 + index;
        kill.victim.pid = Some(1000 + index);
        kill.log_us = Some(incident / 1000 + u64::from(index));
        kill.victim.argv = Some(vec!["worker".into(), index.to_string().into()]);
        if index % 7 == 3 {
            kill.victim.container = None;
            kill.victim.memory = Default::default();
        }
        Arc::new(Record::OomKill(kill))
    };
    (0..victims).map(victim).collect()
}

#[test]
fn what_the_victims_of_a_group_share_is_on_the_disk_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = group(1400, 5_000_000_000);
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    // In several transactions, and after a restart.
    let mut first = 1;
    for some in records.chunks(512) {
        store.save(first, some, &[]).unwrap();
        first += some.len() as u64;
        store = Store::open(&path, &KEEP_ALL).unwrap();
    }
    let used = schema::used_bytes(&store.connection).unwrap();
    assert!(used < 3 << 20, "{used} bytes");
    let json = |record: &Record| serde_json::to_string(record).unwrap();
    assert!(json(&records[9]).len() * records.len() > 100 << 20);
    for number in [1, 2, 4, 512, 513, 1025, 1400] {
        let found = Archive::at(&path).from(number, number + 1, 9, usize::MAX).unwrap();
        let [(at, record)] = found.try_into().unwrap();
        let saved = &records[usize::try_from(number).unwrap() - 1];
        assert_eq!((at, json(&record)), (number, json(saved)));
    }
    // What nobody refers to any more goes.
    let mut none = Store::open(&path, &Retention { max_bytes: ByteSize(0), ..KEEP_ALL }).unwrap();
    none.save(first, &[], &[]).unwrap();
    let left = "SELECT (SELECT count(*) FROM incidents) + (SELECT count(*) FROM moments)";
    let left: u64 = none.connection.query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!((left, saved(&path)), (0, Vec::new()));
}

#[test]
fn what_is_read_at_once_is_bounded_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = group(9, 5_000_000_000);
    let one = serde_json::to_string(&*records[8]).unwrap().len();
    Store::open(&path, &KEEP_ALL).unwrap().save(1, &records, &[]).unwrap();
    let read = |bytes| Archive::at(&path).from(1, 99, 99, bytes).unwrap().len();
    assert_eq!([read(1), read(one / 2), read(one * 3 / 2), read(usize::MAX)], [1, 1, 2, 9]);
}

#[test]
fn to_try_it_out_makes_nothing_and_tells_what_opening_it_would() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    Store::try_out(&path).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let error = Store::try_out(&dir.path().join("x/records.db")).unwrap_err().to_string();
    assert!(error.ends_with("create its directory first (mkdir -p)"), "{error}");
    let error = Store::try_out(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("specify a file in this directory, such as records.db"), "{error}");
    // While it is open, and after a newer program had it.
    let store = Store::open(&path, &KEEP_ALL).unwrap();
    Store::try_out(&path).unwrap();
    store.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    let error = Store::try_out(&path).unwrap_err().to_string();
    assert!(error.contains("schema version 99 is unknown"), "{error}");
    assert_eq!(error, Store::open(&path, &KEEP_ALL).unwrap_err().to_string());
    // What is no store, the agent moves out of the way.
    fs::write(&path, "no store").unwrap();
    Store::try_out(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "no store");
}
