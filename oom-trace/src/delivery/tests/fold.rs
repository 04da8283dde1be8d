//! Kills that are told of together, and kills that not every sink is told of.

use super::*;
use crate::sink::Backfill;

/// A kill at the place where all of these are.
fn kill(number: u64) -> Arc<Record> {
    changed(number, |kill| kill.victim.comm = Some("java".into()))
}

fn changed(number: u64, change: impl FnOnce(&mut OomKill)) -> Arc<Record> {
    let Record::OomKill(mut kill) = Record::clone(&record(number)) else { panic!() };
    change(&mut kill);
    Arc::new(Record::OomKill(kill))
}

/// A sink that is told of a place once in such a while.
fn folding(name: &'static str, window: Duration) -> (ConfiguredSink, Keys) {
    let (mut configured, keys) = gate(name, true);
    configured.choice.fold = Some(window);
    (configured, keys)
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn repeats_are_told_at_the_end_with_their_number() {
    let (pager, keys) = folding("pager", LONG);
    let Bench { delivery, reports: _reports } = bench(vec![pager], None);
    delivery.send(kill(0));
    keys.expect(&id(0), Yes);
    (1..3).for_each(|number| delivery.send(kill(number)));
    // Elsewhere, and so at once: it also shows that the others were read.
    delivery.send(changed(3, |kill| kill.victim.comm = Some("node".into())));
    keys.expect(&id(3), Yes);
    keys.answers.send(Yes).unwrap();
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.waiting, totals.lost()), (4, 0, 0));
    assert_eq!(
        keys.entered.iter().collect::<Vec<_>>(),
        [format!("2 more, to {}", id(2)), "flush".into()]
    );
}

#[test]
fn repeats_are_told_when_the_while_is_over_and_again_if_that_failed() {
    let (pager, keys) = folding("pager", Duration::from_secs(1));
    let Bench { delivery, reports } = bench(vec![pager], None);
    (0..3).for_each(|number| delivery.send(kill(number)));
    keys.expect(&id(0), Yes);
    let told = format!("2 more, to {}", id(2));
    keys.expect(&told, No);
    assert!(reports.recv_timeout(SOON).unwrap().ends_with("; will retry"));
    keys.expect(&told, Yes);
    assert_eq!(reports.recv_timeout(SOON).as_deref(), Ok("output pager: works again"));
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.lost()), (3, 0));
}

#[test]
fn repeats_that_could_not_be_told_are_told_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (pager, keys) = folding("pager", LONG);
    let Bench { delivery, reports: _reports } = bench(vec![pager], Some(&path));
    for number in 0..3 {
        delivery.send(kill(number));
    }
    keys.expect(&id(0), Yes);
    let closing = std::thread::spawn(move || delivery.close(SOON));
    while !closing.is_finished() {
        if keys.entered.recv_timeout(Duration::from_millis(1)).is_ok() {
            keys.answers.send(No).unwrap();
        }
    }
    let [totals] = closing.join().unwrap().try_into().unwrap();
    assert_eq!((totals.delivered, totals.waiting, totals.lost()), (1, 2, 0));

    let (pager, keys) = folding("pager", LONG);
    let Bench { delivery, reports: _reports } = bench(vec![pager], Some(&path));
    keys.expect(&id(1), Yes);
    keys.answers.send(Yes).unwrap();
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.waiting, totals.lost()), (2, 0, 0));
    assert_eq!(keys.entered.recv().as_deref(), Ok(format!("1 more, to {}", id(2)).as_str()));
}

/// Whose settings are wrong and are put right.
#[test]
fn repeats_that_a_failing_sink_has_counted_are_told_by_the_one_that_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (pager, old_keys) = folding("pager", Duration::from_secs(1));
    let Bench { mut delivery, reports } = bench(vec![pager], Some(&path));
    (0..3).for_each(|number| delivery.send(kill(number)));
    old_keys.expect(&id(0), Yes);
    old_keys.expect(&format!("2 more, to {}", id(2)), No);
    assert!(reports.recv_timeout(SOON).unwrap().ends_with("; will retry"));
    let (pager, keys) = folding("pager", LONG);
    delivery.replace(&["pager".to_owned()], vec![pager]).unwrap();
    // Whatever it tries once more fails.
    drop(old_keys.answers);
    keys.expect(&id(1), Yes);
    keys.answers.send(Yes).unwrap();
    keys.answers.send(Yes).unwrap();
    let replaced = delivery.stats.replaced();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!(keys.entered.recv().as_deref(), Ok(format!("1 more, to {}", id(2)).as_str()));
    assert_eq!((totals.delivered, totals.waiting, totals.lost()), (2, 0, 0));
    assert_eq!((replaced[0].delivered, replaced[0].lost()), (1, 0));
}

/// One that works tells them itself, and if it cannot any longer they are counted.
#[test]
fn repeats_that_a_replaced_sink_could_not_tell_are_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let (pager, old_keys) = folding("pager", LONG);
    let Bench { mut delivery, reports: _reports } = bench(vec![pager], Some(&path));
    (0..3).for_each(|number| delivery.send(kill(number)));
    old_keys.expect(&id(0), Yes);
    // It has read them once it is at one from elsewhere.
    delivery.send(changed(3, |kill| kill.victim.comm = Some("node".into())));
    assert_eq!(old_keys.entered.recv_timeout(SOON), Ok(id(3)));
    let (pager, keys) = folding("pager", LONG);
    old_keys.answers.send(Yes).unwrap();
    while delivery.totals()[0].delivered < 2 {
        std::thread::yield_now();
    }
    delivery.replace(&["pager".to_owned()], vec![pager]).unwrap();
    old_keys.expect(&format!("2 more, to {}", id(2)), No);
    drop(old_keys.answers);
    keys.answers.send(Yes).unwrap();
    while !delivery.stats.replaced()[0].ended {
        std::thread::yield_now();
    }
    assert_eq!(delivery.stats.replaced()[0].lost(), 2);
    let _ = delivery.close(SOON);
}

/// A pager is not told of last week's kills, nor of their ends.
#[test]
fn kills_from_before_the_start_go_to_those_who_ask_for_all() {
    let ((mut pager, pager_keys), (file, file_keys)) = (gate("pager", true), gate("file", true));
    pager.choice.backfill = Backfill::Store;
    let Bench { delivery, reports: _reports } = bench(vec![pager, file], None);
    delivery.send(changed(0, |kill| kill.backfilled = true));
    delivery.send(kill(1));
    pager_keys.expect(&id(1), Yes);
    file_keys.expect(&id(0), Yes);
    file_keys.expect(&id(1), Yes);
    for keys in [pager_keys, file_keys] {
        keys.answers.send(Yes).unwrap();
    }
    let delivered: Vec<_> = delivery.close(SOON).iter().map(|totals| totals.delivered).collect();
    assert_eq!(delivered, [1, 2]);
}
