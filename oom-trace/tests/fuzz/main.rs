//! Random input. `cargo test` tries some, always the same; `cargo xtask fuzz` goes on for as long as
//! it is told. What fails names the seed that `OOM_TRACE_FUZZ_SEED` repeats.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it tried is the result")]

mod compare;
mod config;
mod mutate;
mod place;
mod print;
mod random;
mod ring;
mod shown;
mod store;
mod symbols;
mod tries;
mod types;

use jiff::Timestamp;
use oom_trace::incident::model::Record;
use oom_trace::kernel_log::reader::{Zone, read};
use oom_trace::kernel_log::{Machine, Parser};

use self::tries::fuzz;

fn parse(log: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let zone = Zone::here(Timestamp::UNIX_EPOCH);
    let found = read(log, Parser::new(Machine::default()), &zone, |record| {
        records.push(record);
        Ok::<_, std::io::Error>(())
    });
    assert_eq!(found.unwrap().records, records.len() as u64);
    records
}

/// Any bytes make no more records than they have lines, and none that is larger than they are.
#[test]
fn any_log_can_be_read() {
    fuzz("any_log_can_be_read", |rng| {
        let log = mutate::log(rng);
        // A line may hold a whole log.
        let names =
            log.windows(8).filter(|it| it.ends_with(b"rocess ") || *it == b"process:").count();
        let lines = log.split(|byte| *byte == b'\n').count() + names;
        let mut kills = 0;
        for record in parse(&log) {
            let size = serde_json::to_vec(&record).unwrap().len();
            assert!(size < 16 * 1024 + 8 * log.len(), "{size} bytes of {}", log.len());
            kills += match record {
                Record::OomKill(kill) => kill.kill_count.unwrap_or(1) as usize,
                _ => 1,
            };
        }
        assert!(kills <= lines, "{kills} kills in {lines} lines");
    });
}

/// What is read of kills that were logged is what they were: whatever their names, whoever else
/// logged between, whatever was lost.
#[test]
fn no_record_is_wrong() {
    fuzz("no_record_is_wrong", |rng| {
        let (incidents, is_plain) = random::incidents(rng);
        let log = print::log(rng, &incidents);
        let records = parse(&log.bytes);
        compare::assert_true(&incidents, &records, &log, is_plain);
    });
}

/// Whatever the ring holds: each mark that can be decoded is told of, once.
#[test]
fn any_bytes_of_the_ring_go_all_the_way() {
    let way = ring::Way::here();
    fuzz("any_bytes_of_the_ring_go_all_the_way", |rng| {
        let ring = mutate::ring(rng);
        let told = way.go(rng, &ring);
        // The second kill of a group's first victim is no victim of its own.
        assert!(told.kills <= told.marks, "{told:?}");
        assert!(told.marks == 0 || told.kills > 0, "{told:?}");
    });
}
