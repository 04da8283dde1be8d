//! Clocks that jump.

use std::sync::Mutex;

use super::*;

/// A store whose clocks the test sets.
struct Timed {
    store: Store,
    now: Arc<Mutex<crate::store::age::Now>>,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

const DAY: u64 = 86_400_000_000_000;
const TEN_DAYS: Duration = Duration::from_secs(10 * 86_400);

impl Timed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.db");
        let retention = Retention { max_age: ConfigDuration(TEN_DAYS), ..KEEP_ALL };
        let wall = "2026-11-23T00:00:00Z".parse().unwrap();
        let now = crate::store::age::Now { boot_id: "boot-1".into(), boot_ns: 0, wall };
        let now = Arc::new(Mutex::new(now));
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
    timed.store.retention.max_bytes = ByteSize(0);
    timed.kill(4);
    let all = told(&timed);
    assert_eq!((tids(&all), all.pruned.boot_ns, all.pruned.kills), (vec![], Some(11 * DAY), 4));
    assert_eq!(Archive::at(&timed.path).kills("boot-2").unwrap(), Told::default());

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut none = Store::open(&path, &Retention { max_bytes: ByteSize(0), ..KEEP_ALL }).unwrap();
    none.save(1, &group(3, 5_000_000_000), &[]).unwrap();
    let pruned = Archive::at(&path).kills(BOOT).unwrap().pruned;
    let expected = Pruned { boot_ns: Some(5_000_000_000), log_us: Some(5_005_000), kills: 4 };
    assert_eq!(pruned, expected);
}
