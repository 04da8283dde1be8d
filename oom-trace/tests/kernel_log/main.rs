//! Real logs of real kernels, read by the agent and by an oracle that shares nothing with it.

#![expect(clippy::unwrap_used, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]

mod blocks;
mod cases;
mod cut;
#[path = "../support/dump.rs"]
mod dump;
mod ends;
#[path = "../support/log/mod.rs"]
mod log;
mod names;
#[path = "../support/numbers.rs"]
mod numbers;
mod old;
mod oracle;
mod printed;
mod stacks;
mod widths;
#[path = "../support/forms.rs"]
mod written;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use oom_trace::kernel_log::reader::{Found, Zone, read};
use oom_trace::kernel_log::{Machine, Parser};
use serde_json::Value;

use oracle::{expected, lines};

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.3"];

fn logs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/logs")
}

fn parse(log: &[u8]) -> (Vec<Value>, Found) {
    let mut records = Vec::new();
    let parser = Parser::new(Machine::default());
    let zone = Zone::here(Timestamp::now());
    let found = read(log, parser, &zone, |record| {
        let mut record = serde_json::to_value(record).unwrap();
        // What else the dump has is looked at apart.
        for key in ["candidates", "census", "system", "totalpages", "why"] {
            record[key] = Value::Null;
        }
        if let Some(limit) = record["limit"].as_object_mut() {
            limit.insert("stat".into(), Value::Null);
        }
        records.push(record);
        Ok::<_, std::io::Error>(())
    });
    (records, found.unwrap())
}

fn log(kernel: &str, case: &str, form: &str) -> Vec<u8> {
    fs::read(logs().join(format!("{kernel}-{case}.{form}"))).unwrap()
}

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |kernel| ["memcg", "global", "oomgroup"].map(|case| (kernel, case));
    KERNELS.into_iter().flat_map(of)
}

#[test]
fn every_field_is_what_the_oracle_reads() {
    for (kernel, case) in cases() {
        for form in ["log", "kmsg"] {
            let log = log(kernel, case, form);
            let (records, found) = parse(&log);
            let expected = expected(&log);
            assert!(!expected.is_empty(), "{kernel} {case}");
            for (record, expected) in records.iter().zip(&expected) {
                assert_eq!(record, expected, "{kernel} {case}.{form}");
            }
            assert_eq!(records.len(), expected.len(), "{kernel} {case}.{form}");
            assert_eq!(found.records, expected.len() as u64);
        }
    }
}

#[test]
fn dmesg_and_dev_kmsg_say_the_same() {
    for (kernel, case) in cases() {
        let [text, kmsg] = ["log", "kmsg"].map(|form| parse(&log(kernel, case, form)).0);
        assert_eq!(text, kmsg, "{kernel} {case}");
    }
}

/// The counters are those after each case of one boot.
#[test]
fn the_kills_are_those_that_the_kernel_counted() {
    for kernel in KERNELS {
        let count = |case: &str| -> u64 {
            let text = String::from_utf8(log(kernel, case, "counters")).unwrap();
            let mut counts = text.lines().filter_map(|line| line.strip_prefix("vmstat oom_kill "));
            counts.next_back().unwrap().parse().unwrap()
        };
        let mut before = 0;
        for case in ["memcg", "global", "oomgroup"] {
            let (records, _) = parse(&log(kernel, case, "kmsg"));
            let kills: u64 = records.iter().map(|it| it["kill_count"].as_u64().unwrap()).sum();
            assert_eq!(before + kills, count(case), "{kernel} {case}");
            before += kills;
        }
    }
}

/// Traces with some lines of the log between them: all that is found is in the log.
#[test]
fn what_is_not_a_log_adds_nothing() {
    for kernel in KERNELS {
        for case in ["paths-trace", "reaper"] {
            let text = log(kernel, case, "txt");
            let logged = lines(&text);
            let (records, _) = parse(&text);
            // The reaper's word is told, too.
            let kills = records.iter().filter(|it| it["type"] == "oom_kill");
            let kills: u64 = kills.map(|it| it["kill_count"].as_u64().unwrap()).sum();
            assert_eq!(kills, log::kills(&logged).len() as u64, "{kernel} {case}");
        }
    }
}
