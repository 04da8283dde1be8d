use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::*;
use crate::delivery::{CAPACITY, Delivery, SinkStats};
use crate::render::fixtures;
use crate::setting::{ByteSize, ConfigDuration};
use crate::store::{Known, LateStore, Pruned, Retention, Store};

const SECOND: u64 = 1_000_000_000;

fn kill(tid: u32, at: u64, log_us: Option<u64>) -> OomKill {
    let mut kill = fixtures::unknown();
    kill.victim.tid = tid;
    kill.origin.boot_ns = Some(at * SECOND);
    kill.log_us = log_us;
    kill
}

fn logged(tid: u32, at: u64) -> OomKill {
    kill(tid, at, Some(at * 1_000_000 + 3))
}

#[test]
fn kills_that_nobody_tells_of_are_counted() {
    let known = |at: u64| Known::of(&logged(7, at)).next().unwrap();
    let told = Told {
        // The second was seen after the count was read.
        kills: vec![known(10), known(200)],
        pruned: Pruned { kills: 2, ..Pruned::default() },
    };
    let mut sum = Sum::of(&told, 100 * SECOND);
    sum.known += 1;
    let untold = |counted| {
        let mut backfill = Backfill { sum: Some(sum), ..Backfill::none() };
        let untold = backfill.compare(counted);
        assert!(!backfill.is_to_be_compared());
        untold
    };
    assert_eq!(untold(Some(4)), None);
    assert_eq!(untold(Some(3)), None);
    assert_eq!(untold(None), None);
    assert!(untold(Some(6)).unwrap().starts_with("2 OOM kills were missed since boot (kernel "));
    assert!(untold(Some(5)).unwrap().starts_with("1 OOM kill was missed since boot (kernel "));
}

const BOOT: &str = "7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11";

fn keep() -> Retention {
    Retention {
        max_age: ConfigDuration(Duration::from_secs(1 << 40)),
        max_bytes: ByteSize(1 << 30),
    }
}

/// An agent with a store, as far as the search needs one.
fn agent(store: &Path) -> Delivery {
    let store = LateStore::open(store, &keep()).unwrap();
    let report = Arc::new(|_: crate::delivery::Report<'_>| {});
    Delivery::start(Vec::new(), Some(store), CAPACITY, &Arc::new(SinkStats::default()), report)
        .unwrap()
}

/// The kernel's log, with the kills of so many threads at so many seconds.
fn search(store: &Path, delivery: &Delivery, log: &[(u32, u64)]) -> (Backfill, JoinHandle<()>) {
    let log = log.to_vec();
    search_in(store, delivery, move |_, each| {
        for &(tid, at) in &log {
            each(Record::OomKill(Box::new(logged(tid, at))))?;
        }
        Ok(Limits { reaches_back: true, lost: 0, has_times: true })
    })
}

fn search_in<L>(store: &Path, delivery: &Delivery, log: L) -> (Backfill, JoinHandle<()>)
where
    L: FnMut(&IsKnown<'_>, &mut Each<'_>) -> anyhow::Result<Limits> + Send + 'static,
{
    let host = Host { boot_id: BOOT.into(), name: "db1".into(), kernel: "6.12".into() };
    let before = Before { host, store: store.to_owned(), until: 100 * SECOND };
    let (sender, found) = mpsc::channel(WAITING);
    let kept = Vec::new();
    let search = Search { before, pace: delivery.pace(), sender, log, slept: 0, kept };
    (Backfill { found: Some(found), ..Backfill::none() }, thread::spawn(move || search.run()))
}

/// Those that are told: of which threads, at which seconds; so many at the most.
fn told(backfill: &mut Backfill, delivery: &Delivery, most: usize) -> Vec<(u32, u64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut told = Vec::new();
    while told.len() < most
        && let Some(found) = runtime.block_on(backfill.next())
    {
        let Some(record) = backfill.take(found) else { continue };
        let kill = record.kill().unwrap();
        told.push((kill.victim.tid, kill.origin.boot_ns.unwrap() / SECOND));
        delivery.send(Arc::new(record));
    }
    told
}

/// Killed at any moment, the next agent tells the rest: nothing twice, nothing not at all.
#[test]
fn what_one_agent_did_not_save_the_next_one_tells() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let log: Vec<(u32, u64)> = (0..40).map(|kill| (kill % 7, 2 * u64::from(kill))).collect();
    for killed_after in [0, 3, 17, 40] {
        // What it told by then was saved.
        let delivery = agent(&path);
        let (mut backfill, thread) = search(&path, &delivery, &log);
        told(&mut backfill, &delivery, killed_after);
        drop(backfill);
        let _ = delivery.close(Duration::from_secs(20));
        thread.join().unwrap();
    }
    let stored = Archive::at(&path).kills(BOOT).unwrap().kills;
    let mut stored: Vec<_> =
        stored.into_iter().map(|known| (known.tid, known.boot_ns / SECOND)).collect();
    stored.sort_unstable_by_key(|(_, at)| *at);
    assert_eq!(stored, log);
    let delivery = agent(&path);
    let (mut backfill, _) = search(&path, &delivery, &log);
    assert_eq!(told(&mut backfill, &delivery, usize::MAX), []);
}

/// A long log takes longer to read than some agents live: each gets on with it.
#[test]
fn what_is_missing_is_told_before_the_log_has_been_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let delivery = agent(&path);
    let (told_first, is_told) = std::sync::mpsc::channel();
    let log = move |_: &IsKnown<'_>, each: &mut Each<'_>| {
        each(Record::OomKill(Box::new(logged(7, 50))))?;
        is_told.recv_timeout(Duration::from_secs(20))?;
        each(Record::OomKill(Box::new(logged(8, 60))))?;
        Ok(Limits { reaches_back: true, lost: 0, has_times: true })
    };
    let (mut backfill, thread) = search_in(&path, &delivery, log);
    assert_eq!(told(&mut backfill, &delivery, 1), [(7, 50)]);
    told_first.send(()).unwrap();
    assert_eq!(told(&mut backfill, &delivery, usize::MAX), [(8, 60)]);
    thread.join().unwrap();
    let _ = delivery.close(Duration::from_secs(20));
}

/// Its agent was killed before it had read the line: which of two kills it is of is known in the end.
#[test]
fn of_two_kills_of_one_thread_the_one_that_no_record_is_of_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let seen = Arc::new(Record::OomKill(Box::new(kill(7, 50, None))));
    Store::open(&path, &keep()).unwrap().save(1, &[seen], &[]).unwrap();
    let delivery = agent(&path);
    let (mut backfill, thread) = search(&path, &delivery, &[(7, 50), (8, 51), (7, 53)]);
    assert_eq!(told(&mut backfill, &delivery, usize::MAX), [(8, 51), (7, 53)]);
    assert!(backfill.compare(Some(3)).is_none());
    thread.join().unwrap();
    let _ = delivery.close(Duration::from_secs(20));
}

/// It holds no more of them than the store has yet to save, however many there are.
#[test]
fn many_are_told_in_order_and_no_faster_than_they_are_saved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let delivery = agent(&path);
    let log: Vec<(u32, u64)> = (0..1000).map(|kill| (kill + 1, u64::from(kill) / 10)).collect();
    let (mut backfill, thread) = search(&path, &delivery, &log);
    let told = told(&mut backfill, &delivery, usize::MAX);
    assert_eq!(told, log);
    assert!(delivery.used_bytes() <= 1 << 20);
    thread.join().unwrap();
    let _ = delivery.close(Duration::from_secs(20));
    assert_eq!(Archive::at(&path).kills(BOOT).unwrap().kills.len(), 1000);
}

/// Its disk was full at the start: nobody knows what it has before it can be opened.
#[test]
fn a_store_that_opens_late_is_looked_at_then() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let known = Arc::new(Record::OomKill(Box::new(logged(7, 50))));
    Store::open(&path, &keep()).unwrap().save(1, &[known], &[]).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let delivery = agent(&path);
    assert!(!delivery.pace().is_ready());
    let (mut backfill, thread) = search(&path, &delivery, &[(7, 50), (8, 60)]);
    // As an agent says that it is there.
    drop(other);
    delivery.send(Arc::new(Record::OomKill(Box::new(logged(9, 101)))));
    assert_eq!(told(&mut backfill, &delivery, usize::MAX), [(8, 60)]);
    thread.join().unwrap();
}

/// The store never works: the search ends with the agent.
#[test]
fn a_search_that_waits_for_the_store_ends_with_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let delivery = agent(&path);
    let (mut backfill, thread) = search(&path, &delivery, &[(7, 50)]);
    let _ = delivery.close(Duration::from_secs(20));
    thread.join().unwrap();
    let delivery = agent(&dir.path().join("another.db"));
    assert_eq!(told(&mut backfill, &delivery, usize::MAX), []);
}
