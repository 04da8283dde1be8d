//! With a store.

use super::*;

#[test]
fn with_a_store_an_outage_longer_than_memory_and_a_restart_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (sink, keys) = gate("far", true);
    let Bench { delivery, reports: _reports } = bench(vec![sink], Some(&path));
    let all = ROOM as u64 * 5;
    for number in 0..all {
        delivery.send(record(number));
        // So that the store keeps up with the little memory there is here.
        let saved = || Store::open(&path, &keep()).map(|store| store.next());
        while saved().unwrap_or(0) < number + 2 {
            std::thread::yield_now();
        }
    }
    for number in 0..3 {
        keys.expect(&id(number), Yes);
    }
    keys.expect(&id(3), No);
    let closing = std::thread::spawn(move || delivery.close(SOON));
    while !closing.is_finished() {
        if keys.entered.recv_timeout(Duration::from_millis(1)).is_ok() {
            keys.answers.send(No).unwrap();
        }
    }
    let [totals] = closing.join().unwrap().try_into().unwrap();
    assert_eq!((totals.waiting, totals.kept, totals.lost()), (all - 3, true, 0));

    let ((sink, keys), (new, new_keys)) = (gate("far", true), gate("new", true));
    let Bench { delivery, reports: _reports } = bench(vec![sink, new], Some(&path));
    for number in 3..all {
        keys.expect(&id(number), Yes);
    }
    delivery.send(record(all));
    keys.expect(&id(all), Yes);
    new_keys.expect(&id(all), Yes);
    keys.answers.send(Yes).unwrap();
    new_keys.answers.send(Yes).unwrap();
    let [far, new] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((far.waiting, far.dropped, new.delivered), (0, 0, 1));
    let store = Store::open(&path, &keep()).unwrap();
    assert_eq!((store.cursor("far"), store.cursor("new")), (Some(all + 2), Some(all + 2)));
}

#[test]
fn what_comes_last_is_in_the_store_whoever_else_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    for round in 0..10 {
        let (console, keys) = gate("console", false);
        let Bench { delivery, reports: _reports } = bench(vec![console], Some(&path));
        delivery.send(record(round));
        keys.expect(&id(round), Yes);
        keys.answers.send(Yes).unwrap();
        let _ = delivery.close(SOON);
        assert_eq!(Store::open(&path, &keep()).unwrap().next(), round + 2);
    }
}

/// A store that takes no record while this is there, or not what else it is asked for.
struct Refusing(rusqlite::Connection);

fn refuse(path: &Path) -> Refusing {
    refuse_to(path, "INSERT ON records")
}

fn refuse_to(path: &Path, change: &str) -> Refusing {
    let other = rusqlite::Connection::open(path).unwrap();
    let refuse =
        format!("CREATE TRIGGER refuse BEFORE {change} BEGIN SELECT RAISE(FAIL, 'no'); END");
    other.execute_batch(&refuse).unwrap();
    Refusing(other)
}

impl Drop for Refusing {
    fn drop(&mut self) {
        self.0.execute_batch("DROP TRIGGER refuse").unwrap();
    }
}

/// The store fails with one record; what came after it is saved with it at the end, too.
#[test]
fn at_the_end_all_that_was_not_saved_is_tried_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let Bench { delivery, reports } = bench(vec![gate("console", false).0], Some(&path));
    let refusing = refuse(&path);
    delivery.send(record(0));
    let failing = reports.recv_timeout(SOON).unwrap();
    assert!(failing.starts_with("store: cannot write to"), "{failing}");
    delivery.send(record(1));
    delivery.send(record(2));
    drop(refusing);
    let _ = delivery.close(Duration::from_secs(1));
    assert_eq!(Store::open(&path, &keep()).unwrap().next(), 4);
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "store: works again; no records are missing");
    assert!(reports.try_recv().is_err());
}

/// Nothing comes after it that would have it tried again.
#[test]
fn where_a_sink_is_is_saved_again_if_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (far, keys) = gate("far", true);
    let Bench { delivery, reports } = bench(vec![far], Some(&path));
    delivery.send(record(0));
    assert_eq!(keys.entered.recv_timeout(SOON), Ok(id(0)));
    let refusing = refuse_to(&path, "UPDATE ON cursors");
    keys.answers.send(Yes).unwrap();
    assert!(reports.recv_timeout(SOON).unwrap().starts_with("store: cannot write to"));
    drop(refusing);
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "store: works again; no records are missing");
    assert_eq!(Store::open(&path, &keep()).unwrap().cursor("far"), Some(2));
    keys.answers.send(Yes).unwrap();
    let _ = delivery.close(SOON);
}

#[test]
fn what_cannot_be_saved_at_the_end_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let Bench { delivery, reports } = bench(Vec::new(), Some(&path));
    let refusing = refuse(&path);
    delivery.send(record(0));
    assert!(reports.recv_timeout(SOON).unwrap().starts_with("store: cannot write to"));
    delivery.send(record(1));
    delivery.send(record(2));
    let _ = delivery.close(SOON);
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "store: 3 records not saved");
    drop(refusing);
}

/// A console whose reader pauses longer than memory lasts.
#[test]
fn who_gets_records_at_once_finds_in_the_store_what_memory_has_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (console, keys) = gate("console", false);
    let Bench { delivery, reports } = bench(vec![console], Some(&path));
    let all = ROOM as u64 * 3;
    for number in 0..all {
        delivery.send(record(number));
        let saved = || Store::open(&path, &keep()).map(|store| store.next());
        while saved().unwrap_or(0) < number + 2 {
            std::thread::yield_now();
        }
    }
    assert!(delivery.used_bytes() <= room());
    (0..all).for_each(|number| keys.expect(&id(number), Yes));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.lost(), totals.shrunk), (all, 0, 0));
    assert!(reports.try_recv().is_err());
}

/// The store could not save them, and then there was no room for them.
/// As when one source's kills made room for themselves while this sink was behind.
#[test]
fn what_the_store_let_go_of_between_others_is_lost_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records: Vec<_> = (0..9).map(record).collect();
    Store::open(&path, &keep()).unwrap().save(1, &records, &[("far", 1)]).unwrap();
    let gone = "DELETE FROM records WHERE number BETWEEN 4 AND 6; INSERT INTO gone VALUES (4, 6);";
    rusqlite::Connection::open(&path).unwrap().execute_batch(gone).unwrap();
    let (sink, keys) = wide_gate("far", true, 100);
    let Bench { delivery, reports: _reports } = bench(vec![sink], Some(&path));
    [0, 1, 2, 6, 7, 8].iter().for_each(|number| keys.expect(&id(*number), Yes));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.dropped, totals.waiting), (6, 3, 0));
}

#[test]
fn what_the_store_lacks_is_counted_by_those_who_read_it_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (far, keys) = gate("far", true);
    let Bench { delivery, reports } = bench(vec![far], Some(&path));
    let saved = |next: u64| {
        while Store::open(&path, &keep()).map(|store| store.next()).unwrap_or(0) < next {
            std::thread::yield_now();
        }
    };
    delivery.send(record(0));
    assert_eq!(keys.entered.recv_timeout(SOON), Ok(id(0)));
    delivery.send(record(1));
    saved(3);
    let refusing = refuse(&path);
    (2..2 * ROOM as u64 + 2).for_each(|number| delivery.send(record(number)));
    assert!(reports.recv_timeout(SOON).unwrap().starts_with("store: cannot write to"));
    drop(refusing);
    assert!(reports.recv_timeout(SOON).unwrap().starts_with("store: works again; "));
    let lost = 2 * ROOM as u64 - ROOM as u64;
    // More, until what is left is only in the store.
    (0..2 * ROOM as u64).for_each(|number| {
        delivery.send(record(100 + number));
        saved(2 * ROOM as u64 + 4 + number);
    });
    keys.answers.send(Yes).unwrap();
    keys.expect(&id(1), Yes);
    for number in 2 + lost..2 * ROOM as u64 + 2 {
        keys.expect(&id(number), Yes);
    }
    (0..2 * ROOM as u64).for_each(|number| keys.expect(&id(100 + number), Yes));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.dropped, totals.waiting), (lost, 0));
}

/// The disk answers neither yes nor no.
#[test]
fn what_is_not_saved_in_time_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let Bench { delivery, reports } = bench(Vec::new(), Some(&path));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    delivery.send(record(0));
    delivery.send(record(1));
    let _ = delivery.close(Duration::from_millis(1));
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "store: 2 records not saved in time");
}

/// Until the store has saved what there is.
fn saved(path: &Path, next: u64) {
    while Store::open(path, &keep()).map(|store| store.next()).unwrap_or(0) < next {
        std::thread::yield_now();
    }
}

/// Says no until the sink has given way to the store.
fn refuse_until(keys: &Keys, step: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < 3 * SOON, "it keeps what the store has");
        if let Ok(entered) = keys.entered.recv_timeout(Duration::from_millis(10)) {
            assert_eq!(entered, step);
            keys.answers.send(No).unwrap();
        }
    }
}

/// One is refused, and so many wait behind it, in the store and not in memory.
fn away(path: &Path, waiting: u64) -> (Bench, Keys) {
    let (far, keys) = gate("far", true);
    let bench = bench(vec![far], Some(path));
    bench.delivery.set_bound(1 << 20);
    (0..=waiting).for_each(|number| bench.delivery.send(record(number)));
    saved(path, waiting + 2);
    assert!(bench.delivery.used_bytes() > 0);
    refuse_until(&keys, &id(0), || bench.delivery.used_bytes() == 0);
    let failing = bench.reports.recv_timeout(SOON).unwrap();
    assert!(failing.starts_with("output far: ") && failing.ends_with("will retry"), "{failing}");
    (bench, keys)
}

#[test]
fn a_sink_that_waits_to_try_again_holds_nothing_that_the_store_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (Bench { delivery, reports }, keys) = away(&path, 9);
    delivery.send(record(10));
    saved(&path, 12);
    refuse_until(&keys, &id(0), || delivery.used_bytes() == 0);
    assert_eq!(delivery.totals()[0].waiting, 11);
    (0..=10).for_each(|number| keys.expect(&id(number), Yes));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.lost(), totals.waiting), (11, 0, 0));
    let told: Vec<_> = reports.iter().collect();
    assert_eq!(told, ["output far: works again"]);
}

/// What the store has when it fails, it has when it works again.
#[test]
fn a_store_that_fails_meanwhile_loses_nothing_that_was_let_go_of() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (Bench { delivery, reports }, keys) = away(&path, 9);
    let aside = dir.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    delivery.send(record(10));
    let is_told = |begin: &str| {
        let told = reports.recv_timeout(SOON).unwrap();
        assert!(told.starts_with(begin), "{told}");
    };
    is_told("store: cannot open ");
    keys.expect(&id(0), Yes);
    is_told("output far: works again");
    is_told("output far: cannot read ");
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    (1..=10).for_each(|number| keys.expect(&id(number), Yes));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.lost(), totals.waiting), (11, 0, 0));
}

/// First some in between, then the one behind the one that is being refused, as well.
#[test]
fn what_the_store_lets_go_of_meanwhile_waits_no_longer_and_is_lost_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (Bench { delivery, reports: _reports }, keys) = away(&path, 9);
    let counts = || {
        let [totals] = delivery.totals().try_into().unwrap();
        (totals.waiting, totals.dropped)
    };
    let other = rusqlite::Connection::open(&path).unwrap();
    for (gone, left) in [
        (
            "DELETE FROM records WHERE number BETWEEN 4 AND 6; INSERT INTO gone VALUES (4, 6)",
            (7, 3),
        ),
        ("DELETE FROM records WHERE number <= 2", (6, 4)),
    ] {
        other.execute_batch(gone).unwrap();
        refuse_until(&keys, &id(0), || counts() == left);
    }
    [0, 2, 6, 7, 8, 9].iter().for_each(|number| keys.expect(&id(*number), Yes));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.dropped, totals.waiting), (6, 4, 0));
}

/// Taken out of the configuration while it failed, and put back when it was mended.
#[test]
fn one_that_comes_back_under_its_name_gets_what_came_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (far, keys) = gate("far", true);
    let Bench { mut delivery, reports: _reports } = bench(vec![far], Some(&path));
    delivery.send(record(0));
    keys.expect(&id(0), Yes);
    delivery.send(record(1));
    keys.expect(&id(1), No);
    delivery.replace(&["far".to_owned()], Vec::new()).unwrap();
    // It may try once more, and flush.
    while keys.entered.recv_timeout(SOON).is_ok() {
        let _ = keys.answers.send(No);
    }
    delivery.send(record(2));
    let (back, keys) = gate("far", true);
    delivery.replace(&[], vec![back]).unwrap();
    delivery.send(record(3));
    for number in 1..=3 {
        keys.expect(&id(number), Yes);
    }
    keys.answers.send(Yes).unwrap();
    let [far] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((far.delivered, far.lost()), (3, 0));
}
