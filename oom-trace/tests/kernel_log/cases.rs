//! Real logs as people post them, and what is told of each: `cases.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use oom_trace::kernel_log::reader::{Found, Zone, read};
use oom_trace::kernel_log::{Machine, Parser};
use serde_json::Value;

const TABLE: &str = include_str!("cases.txt");

/// What is expected of one record.
#[derive(Debug)]
struct Expected {
    kind: &'static str,
    keys: Vec<(&'static str, String)>,
}

#[derive(Debug, Default)]
struct Case {
    name: &'static str,
    records: Vec<Expected>,
    untold: u64,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            cases.push(Case { name, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        let (kind, rest) = line.split_once(' ').unwrap();
        if kind == "untold" {
            case.untold = rest.parse().unwrap();
            continue;
        }
        case.records.push(Expected { kind, keys: keys(rest) });
    }
    cases
}

/// `a=1 b="x y"`: a blank in quotes ends nothing.
fn keys(text: &'static str) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == ' ' && !quoted
        });
        let (value, next) = after.split_at(end.unwrap_or(after.len()));
        all.push((key.trim(), value.to_owned()));
        rest = next;
    }
    all
}

/// The value of `victim.memory.swap_bytes` or `candidates.top[0].pid`.
fn at<'a>(record: &'a Value, path: &str) -> &'a Value {
    let pointer = path.replace(['.', '['], "/").replace(']', "");
    record.pointer(&format!("/{pointer}")).unwrap_or(&Value::Null)
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases")
}

pub(crate) fn parse(log: &[u8]) -> (Vec<Value>, Found) {
    let mut records = Vec::new();
    let zone = Zone::new(TimeZone::UTC, "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap());
    let found = read(log, Parser::new(Machine::default()), &zone, |record| {
        records.push(serde_json::to_value(record).unwrap());
        Ok::<_, std::io::Error>(())
    });
    (records, found.unwrap())
}

fn differences(case: &Case, log: &[u8]) -> Vec<String> {
    let Case { name, records: expected, untold } = case;
    let (records, found) = parse(log);
    let mut wrong = Vec::new();
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    let wanted: Vec<_> = expected.iter().map(|record| record.kind).collect();
    if kinds != wanted {
        wrong.push(format!("{name}: {kinds:?} instead of {wanted:?}"));
    }
    for (record, Expected { kind: _, keys }) in records.iter().zip(expected) {
        for (key, value) in keys {
            let is = at(record, key);
            let quoted = || value.strip_prefix('"')?.strip_suffix("…\"");
            let start = value.strip_suffix('…').or_else(quoted);
            let fits = match start {
                Some(start) => is.as_str().is_some_and(|text| text.starts_with(start)),
                None => {
                    let value: Value =
                        serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
                    *is == value || is.as_str() == Some(&value.to_string())
                }
            };
            if !fits {
                wrong.push(format!("{name}: {key} is {is} instead of {value}"));
            }
        }
    }
    if found.untold.count != *untold {
        wrong.push(format!("{name}: untold {:?} instead of {untold}", found.untold));
    }
    wrong
}

/// Every log of the folder is in the table, and all that the table says of it is told.
#[test]
fn every_case_is_told() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let path = folder().join(format!("{}.log", case.name));
        wrong.extend(differences(case, &fs::read(path).unwrap()));
    }
    let logs = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|it| it == "log")).count()
    };
    assert_eq!(cases.len(), logs(&folder()) + logs(&folder().join("smallest")));
    assert!(wrong.is_empty(), "{} of it is not so:\n{}", wrong.len(), wrong.join("\n"));
}
