use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::render::fixtures;

const KEEP_ALL: Retention =
    Retention { max_age: Lapse(Duration::from_secs(1 << 40)), max_bytes: Bytes(1 << 30) };

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

#[test]
fn what_could_not_be_opened_at_first_goes_on_where_it_was_once_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let ids: Vec<_> = (1..).zip(records.iter().map(|record| record.id())).collect();
    Store::open(&path, &KEEP_ALL).unwrap().save(1, &records[..5], &[("old", 2)]).unwrap();

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
    late.save(2, &records[6..8], &[("old", 3), ("new", 2)]).unwrap();
    late.save(4, &records[8..], &[("old", 4), ("new", 4)]).unwrap();
    let found = archive.from(1, 5, 9, BATCH_BYTES).unwrap();
    assert!(found.iter().map(|(number, _)| *number).eq(2..5), "{found:#?}");
    let but_the_sixth: Vec<_> = ids[..5].iter().chain(&ids[6..]).cloned().collect();
    assert_eq!(saved(&path), but_the_sixth);
    let store = Store::open(&path, &KEEP_ALL).unwrap();
    assert_eq!((store.cursor("old"), store.cursor("new")), (Some(2), Some(9)));
}

#[test]
fn what_is_too_old_or_too_much_goes_and_no_number_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records = records();
    let all = records.len() as u64;
    let retention = Retention { max_age: Lapse(Duration::from_secs(1)), ..KEEP_ALL };
    let mut store = Store::open(&path, &retention).unwrap();
    store.save(1, &records, &[]).unwrap();
    // Those that do not tell their time are kept.
    let timeless = records.iter().filter(|record| record.origin().time.is_none()).count();
    assert_eq!(saved(&path).len(), timeless);
    drop(store);
    let retention = Retention { max_bytes: Bytes(0), ..KEEP_ALL };
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
    let names = fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name());
    let aside = names.filter(|name| name.to_string_lossy().contains(".damaged-")).count();
    assert_eq!(aside, 1);
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

const BOOT: &str = "7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11";

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
        let time = record.origin().time.map(|time| time.as_nanosecond() as i64);
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
    let kills = records.iter().filter(|it| it.origin().boot_ns.is_some() && it.kill().is_some());
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
    let mut none = Store::open(&path, &Retention { max_bytes: Bytes(0), ..KEEP_ALL }).unwrap();
    none.save(first, &[], &[]).unwrap();
    let left = "SELECT (SELECT count(*) FROM incidents) + (SELECT count(*) FROM moments)";
    let left: u64 = none.connection.query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!((left, read(&path)), (0, Vec::new()));
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

/// A store whose clocks the test sets.
struct Timed {
    store: Store,
    now: Arc<std::sync::Mutex<age::Now>>,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

const DAY: u64 = 86_400_000_000_000;
const TEN_DAYS: Duration = Duration::from_secs(10 * 86_400);

impl Timed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.db");
        let retention = Retention { max_age: Lapse(TEN_DAYS), ..KEEP_ALL };
        let wall = "2026-11-23T00:00:00Z".parse().unwrap();
        let now = age::Now { boot_id: "boot-1".into(), boot_ns: 0, wall };
        let now = Arc::new(std::sync::Mutex::new(now));
        let mut store = Store::open(&path, &retention).unwrap();
        let clocks = Arc::clone(&now);
        store.clocks = Clocks::reading(move || clocks.lock().unwrap().clone());
        Self { store, now, path, _dir: dir }
    }

    /// Both clocks run on.
    fn pass(&self, days: u64) {
        let mut now = self.now.lock().unwrap();
        now.boot_ns += days * DAY;
        now.wall += Duration::from_nanos(days * DAY);
    }

    fn set_wall(&self, wall: &str) {
        self.now.lock().unwrap().wall = wall.parse().unwrap();
    }

    fn boot(&self, id: &str) {
        let mut now = self.now.lock().unwrap();
        (now.boot_id, now.boot_ns) = (id.into(), 0);
    }

    /// A kill of now is saved; answers how many there are.
    fn kill(&mut self, tid: u32) -> usize {
        let now = self.now.lock().unwrap().clone();
        let mut kill = fixtures::unknown();
        kill.origin.boot_id = Some(now.boot_id.clone());
        kill.origin.boot_ns = Some(now.boot_ns);
        kill.origin.time = Some(now.wall);
        kill.incident = format!("{}-{}", now.boot_id, now.boot_ns);
        kill.victim.tid = tid;
        let next = self.store.next();
        self.store.save(next, &[Arc::new(Record::OomKill(Box::new(kill)))], &[]).unwrap();
        saved(&self.path).len()
    }
}

#[test]
fn a_wall_clock_that_jumps_neither_deletes_what_is_recent_nor_keeps_what_is_old() {
    let mut timed = Timed::new();
    assert_eq!(timed.kill(1), 1);
    timed.set_wall("1970-01-01T00:00:00Z");
    assert_eq!(timed.kill(2), 2);
    timed.set_wall("2027-12-28T00:00:00Z");
    assert_eq!(timed.kill(3), 3);
    timed.set_wall("2026-11-23T00:00:00Z");
    assert_eq!(timed.kill(4), 4);
    timed.pass(5);
    assert_eq!(timed.kill(5), 5);
    timed.set_wall("1970-01-01T00:00:00Z");
    timed.pass(6);
    assert_eq!(timed.kill(6), 2);
}

#[test]
fn a_clock_that_is_wrong_after_a_reboot_does_no_harm_either() {
    for wrong in ["1970-01-01T00:00:00Z", "2027-12-28T00:00:00Z"] {
        let mut timed = Timed::new();
        timed.pass(3);
        assert_eq!(timed.kill(1), 1);
        timed.boot("boot-2");
        timed.set_wall(wrong);
        assert_eq!(timed.kill(2), 2);
        timed.pass(1);
        assert_eq!(timed.kill(3), 3);
        // Corrected: the machine was off for a day.
        timed.set_wall("2026-11-28T00:00:00Z");
        assert_eq!(timed.kill(4), 4);
        timed.pass(8);
        assert_eq!(timed.kill(5), 5);
        timed.pass(1);
        assert_eq!(timed.kill(6), 5, "the first is eleven days old");
        timed.pass(100);
        assert_eq!(timed.kill(7), 1);
    }
}

/// A machine without a clock that is kept, and one that was off for long.
#[test]
fn what_is_old_goes_though_no_wall_clock_says_so() {
    let mut timed = Timed::new();
    for boot in 1..9 {
        timed.boot(&format!("boot-{boot}"));
        timed.set_wall("1970-01-01T00:00:00Z");
        timed.pass(4);
        let expected = usize::try_from(boot).unwrap().min(3);
        assert_eq!(timed.kill(boot), expected, "{boot}");
    }
    let mut timed = Timed::new();
    assert_eq!(timed.kill(1), 1);
    timed.set_wall("2027-12-28T00:00:00Z");
    timed.boot("boot-2");
    timed.pass(6);
    assert_eq!(timed.kill(2), 1, "off for a year, of which six days count");
}

/// What was told and let go of is not told again by the kernel's log.
#[test]
fn how_far_the_kills_of_a_boot_were_told_stays_known() {
    let mut timed = Timed::new();
    timed.kill(1);
    timed.pass(2);
    timed.kill(2);
    timed.pass(9);
    timed.kill(3);
    let told = |timed: &Timed| Archive::at(&timed.path).kills("boot-1").unwrap();
    let tids = |told: &Told| told.kills.iter().map(|known| known.tid).collect::<Vec<_>>();
    let first = told(&timed);
    assert_eq!(tids(&first), [2, 3]);
    assert_eq!(first.pruned, Pruned { boot_ns: Some(0), log_us: None, kills: 1 });
    timed.store.retention.max_bytes = Bytes(0);
    timed.kill(4);
    let all = told(&timed);
    assert_eq!((tids(&all), all.pruned.boot_ns, all.pruned.kills), (vec![], Some(11 * DAY), 4));
    assert_eq!(Archive::at(&timed.path).kills("boot-2").unwrap(), Told::default());

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut none = Store::open(&path, &Retention { max_bytes: Bytes(0), ..KEEP_ALL }).unwrap();
    none.save(1, &group(3, 5_000_000_000), &[]).unwrap();
    let pruned = Archive::at(&path).kills(BOOT).unwrap().pruned;
    let expected = Pruned { boot_ns: Some(5_000_000_000), log_us: Some(5_000_002), kills: 4 };
    assert_eq!(pruned, expected);
}
