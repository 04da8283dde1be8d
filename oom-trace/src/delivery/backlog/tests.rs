use std::thread;

use super::*;
use crate::render::fixtures;

/// Long enough to be told from nothing, short enough to wait for.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);
const ROOM: usize = 1 << 20;

fn record() -> Arc<Record> {
    Arc::new(Record::OomKill(Box::new(fixtures::unknown())))
}

fn backlog(bound: usize, patience: Duration) -> Arc<Backlog> {
    Arc::new(Backlog::new(bound, 1, true, patience))
}

fn join(backlog: &Arc<Backlog>, at: Number, reader: Reader) -> Place {
    backlog.join(&AtomicU64::new(at), reader)
}

/// As a disk does while there is no memory to write with.
#[test]
fn a_store_that_does_not_answer_holds_nobody_for_long() {
    let (backlog, wake) = (backlog(ROOM, SHORT), AtomicBool::new(false));
    let place = join(&backlog, 1, Reader::AfterStore);
    let take = |from| place.take(from, 4, None, &wake);
    backlog.push(record());
    backlog.push(record());
    assert!(backlog.set_saved(2));
    assert!(matches!(take(1), ReadOutcome::Records(1, records) if records.len() == 1));
    assert!(matches!(take(2), ReadOutcome::Stalled));
    assert!(matches!(take(2), ReadOutcome::Records(2, records) if records.len() == 1));
    backlog.push(record());
    assert!(matches!(take(3), ReadOutcome::Records(3, _)));
    // It answers again.
    assert!(!backlog.set_saved(4));
    backlog.push(record());
    backlog.wake(&wake);
    assert!(matches!(take(4), ReadOutcome::Woken));
    assert!(matches!(take(4), ReadOutcome::Stalled));
}

/// A reader that has been idle for longer than a record waits for the store: that is no stall.
#[test]
fn the_wait_for_the_store_begins_when_the_record_is_there() {
    let backlog = backlog(ROOM, SHORT);
    let place = join(&backlog, 1, Reader::AfterStore);
    let reader = thread::spawn(move || place.take(1, 4, None, &AtomicBool::new(false)));
    // The idleness is what is tested.
    thread::sleep(2 * SHORT);
    let pushed = Instant::now();
    backlog.push(record());
    // Nobody saves it.
    assert!(matches!(reader.join().unwrap(), ReadOutcome::Stalled));
    assert!(pushed.elapsed() >= SHORT, "it waited for {:?}", pushed.elapsed());
}

#[test]
fn each_step_of_the_store_begins_the_wait_anew() {
    let backlog = backlog(ROOM, SHORT);
    let place = join(&backlog, 1, Reader::AfterStore);
    (0..3).for_each(|_| backlog.push(record()));
    let wake = AtomicBool::new(false);
    for saved in [2, 3] {
        backlog.set_saved(saved);
        assert!(
            matches!(place.take(saved - 1, 4, None, &wake), ReadOutcome::Records(_, some) if some.len() == 1)
        );
    }
    assert!(matches!(place.take(3, 4, None, &wake), ReadOutcome::Stalled));
}

#[test]
fn what_all_have_done_with_leaves_memory_at_once() {
    let backlog = backlog(ROOM, LONG);
    let wake = AtomicBool::new(false);
    let (one, other) = (join(&backlog, 1, Reader::AtOnce), join(&backlog, 1, Reader::AtOnce));
    (0..4).for_each(|_| backlog.push(record()));
    let of_four = backlog.used();
    backlog.push(record());
    let each = backlog.used() - of_four;
    assert!(
        matches!(one.take(1, 9, None, &wake), ReadOutcome::Records(1, some) if some.len() == 5)
    );
    assert_eq!(backlog.used(), 5 * each);
    backlog.wake(&wake);
    assert!(matches!(one.take(6, 9, None, &wake), ReadOutcome::Woken));
    assert_eq!(backlog.used(), 5 * each);
    backlog.wake(&wake);
    assert!(matches!(other.take(4, 9, None, &wake), ReadOutcome::Woken));
    assert_eq!(backlog.used(), 2 * each);
    // One that ends holds nothing.
    drop(other);
    assert_eq!((backlog.used(), backlog.next()), (0, 6));
    drop(one);
    backlog.push(record());
    assert_eq!((backlog.used(), backlog.next()), (0, 7));
}

#[test]
fn one_that_takes_the_place_of_another_finds_what_that_had_not_done_with() {
    let backlog = backlog(ROOM, LONG);
    let (wake, cursor) = (AtomicBool::new(false), AtomicU64::new(1));
    let old = backlog.join(&cursor, Reader::AtOnce);
    (0..4).for_each(|_| backlog.push(record()));
    assert!(matches!(old.take(1, 2, None, &wake), ReadOutcome::Records(1, _)));
    cursor.store(3, Relaxed);
    let new = backlog.join(&cursor, Reader::AtOnce);
    drop(old);
    assert!(
        matches!(new.take(3, 9, None, &wake), ReadOutcome::Records(3, some) if some.len() == 2)
    );
}

#[test]
fn a_bound_that_is_lowered_lets_go_of_what_the_store_has_first() {
    let backlog = backlog(ROOM, LONG);
    let wake = AtomicBool::new(false);
    let place = join(&backlog, 1, Reader::AtOnce);
    (0..6).for_each(|_| backlog.push(record()));
    let each = backlog.used() / 6;
    backlog.set_saved(4);
    backlog.set_bound(4 * each);
    assert_eq!((backlog.front(), backlog.used(), backlog.shrunk()), (3, 4 * each, 0));
    // It reads there what the store has.
    assert!(matches!(place.take(1, 9, None, &wake), ReadOutcome::Behind(4)));
    backlog.set_bound(6 * each);
    (0..2).for_each(|_| backlog.push(record()));
    assert!(
        matches!(place.take(4, 9, None, &wake), ReadOutcome::Records(4, some) if some.len() == 5)
    );
}

#[test]
fn what_the_store_will_never_have_is_known() {
    let backlog = backlog(ROOM, LONG);
    backlog.add_gap(5, 7);
    backlog.add_gap(7, 8);
    backlog.add_gap(10, 11);
    let lacking = |from, to| backlog.lacking(from, to);
    assert_eq!([lacking(1, 5), lacking(1, 6), lacking(6, 9), lacking(5, 20)], [0, 1, 2, 4]);
    (0..100).for_each(|gap| backlog.add_gap(20 + 2 * gap, 21 + 2 * gap));
    assert!(backlog.lock().gaps.len() <= GAPS);
}

#[test]
fn for_one_that_let_go_only_what_the_store_lacks_stays_in_memory() {
    let backlog = backlog(ROOM, LONG);
    let wake = AtomicBool::new(false);
    let place = join(&backlog, 1, Reader::AfterStore);
    (0..4).for_each(|_| backlog.push(record()));
    let each = backlog.used() / 4;
    backlog.set_saved(3);
    assert_eq!(backlog.used(), 4 * each);
    place.let_go();
    assert_eq!((backlog.used(), backlog.front()), (2 * each, 3));
    // As long as it has not come back, and while it reads on in the store, nothing is kept for it.
    backlog.set_saved(5);
    assert_eq!((backlog.used(), backlog.front()), (0, 5));
    assert!(matches!(place.take(1, 9, None, &wake), ReadOutcome::Behind(5)));
    backlog.push(record());
    backlog.set_saved(6);
    assert!(matches!(place.take(5, 9, None, &wake), ReadOutcome::Behind(6)));
    // The store fails: what it has not saved is there.
    backlog.push(record());
    backlog.set_failing();
    assert!(
        matches!(place.take(6, 9, None, &wake), ReadOutcome::Records(6, some) if some.len() == 1)
    );
    backlog.set_saved(7);
    assert_eq!((backlog.used(), backlog.front()), (each, 6));
}

/// Where the sinks are is saved a while after they moved; a record in between is not held up by that.
#[test]
fn a_record_does_not_wait_until_it_is_time_to_save_where_the_sinks_are() {
    let backlog = backlog(ROOM, LONG);
    let (place, end) = (join(&backlog, 1, Reader::AtOnce), AtomicBool::new(false));
    backlog.moved();
    let task = backlog.unsaved(&place, 1, 9, SHORT, &end);
    assert!(matches!(task, Task::Cursors));
    backlog.moved();
    let keeper = thread::spawn({
        let backlog = Arc::clone(&backlog);
        move || backlog.unsaved(&place, 1, 9, LONG, &AtomicBool::new(false))
    });
    backlog.push(record());
    assert!(matches!(keeper.join().unwrap(), Task::Save(1, some) if some.len() == 1));
}

#[test]
fn who_can_wait_goes_on_when_the_store_works_and_keeps_up_or_at_the_end() {
    let backlog = backlog(ROOM, LONG);
    let _place = join(&backlog, 1, Reader::AtOnce);
    assert!(backlog.wait_for_store());
    (0..UNSAVED).for_each(|_| backlog.push(record()));
    let waiting = |backlog: &Arc<Backlog>| {
        let backlog = Arc::clone(backlog);
        thread::spawn(move || backlog.wait_for_store())
    };
    let waits = waiting(&backlog);
    backlog.set_saved(2);
    assert!(waits.join().unwrap());
    backlog.set_failing();
    let waits = waiting(&backlog);
    backlog.close();
    assert!(!waits.join().unwrap());
}
