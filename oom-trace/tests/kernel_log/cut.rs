//! A log that ends where somebody cut it: whatever is read of it is what the whole log says.

use std::fs;

use serde_json::Value;

use crate::cases::parse;
use crate::logs;
use crate::written::{AROUND, COLLECTORS, PREFIXES};

/// The stamp and the text of each message that a short dump has.
fn messages() -> Vec<(String, String)> {
    const OF_IT: [&str; 5] = ["invoked oom", "CPU: ", "memory: usage", "oom-kill:", "Killed "];
    let log = fs::read_to_string(logs().join("6.12-memcg.log")).unwrap();
    let lines = log.lines().filter(|line| OF_IT.iter().any(|words| line.contains(words)));
    let part = |line: &str| {
        let (at, text) = line.strip_prefix('[').unwrap().split_once("] ").unwrap();
        (at.to_owned(), text.to_owned())
    };
    lines.map(part).collect()
}

/// Each line of that dump, in every form.
fn logs_in_every_form() -> Vec<(String, Vec<String>)> {
    let messages = messages();
    let all = |line: &dyn Fn(&str, &str) -> String| -> Vec<String> {
        messages.iter().map(|(at, text)| line(at, text) + "\n").collect()
    };
    let around = PREFIXES.iter().map(|prefix| (*prefix, "")).chain(AROUND.iter().copied());
    let mut forms: Vec<_> = around
        .map(|(before, after)| {
            let line =
                |at: &str, text: &str| format!("{}{text}{after}", before.replace("{at}", at));
            (format!("{before:?} {after:?}"), all(&line))
        })
        .collect();
    for (name, form) in COLLECTORS {
        forms.push((name.into(), all(&|at, text| form(at, text).to_string())));
        let pretty = |at: &str, text: &str| serde_json::to_string_pretty(&form(at, text)).unwrap();
        forms.push((format!("{name}, pretty"), all(&pretty)));
    }
    let ids = "_BOOT_ID=7c6e5a0c0f0b4f0e9d0a6d1b0c9f2a11\n";
    let fields = |text: &str| format!("{ids}_TRANSPORT=kernel\nMESSAGE={text}\n");
    forms.push((
        "export".into(),
        all(&|_, text| format!("__REALTIME_TIMESTAMP=1795413601000000\n{}", fields(text))),
    ));
    forms.push((
        "verbose".into(),
        all(&|_, text| {
            let fields = fields(text).trim_end().replace('\n', "\n    ");
            format!("Mon 2026-11-23 06:00:01.000001 UTC [s=a;i=1;b=b;m=1;t=5;x=c]\n    {fields}")
        }),
    ));
    forms
}

/// What is told, without what is made of it.
pub(crate) fn told(log: &[u8]) -> Vec<Value> {
    let (mut records, _) = parse(log);
    for record in &mut records {
        for key in ["why", "incident", "id", "boot_ns", "time", "time_guessed"] {
            record[key] = Value::Null;
        }
    }
    records
}

/// What is told that the whole does not tell: a part of it may be missing.
pub(crate) fn excess(path: &str, part: &Value, whole: &Value) -> Option<String> {
    match (part, whole) {
        (Value::Null, _) => None,
        (Value::Object(part), Value::Object(whole)) => {
            let of = |key: &str| whole.get(key).unwrap_or(&Value::Null);
            part.iter().find_map(|(key, part)| excess(&format!("{path}.{key}"), part, of(key)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            let is_there = |part| whole.iter().any(|whole| excess(path, part, whole).is_none());
            part.iter().find(|part| !is_there(part)).map(|part| format!("{path} has {part}"))
        }
        (part, whole) => (part != whole).then(|| format!("{path} is {part} instead of {whole}")),
    }
}

/// Where a number is cut in two.
fn cuts(line: &str) -> impl Iterator<Item = usize> {
    let bytes = line.as_bytes();
    let is_within = |at: &usize| bytes[*at].is_ascii_digit() && bytes[at - 1].is_ascii_digit();
    (1..bytes.len()).filter(is_within)
}

/// What is told of the beginning of a line, with these lines before and behind it, that the whole log does not tell.
fn wrong(lines: &[String], rest: impl Fn(usize) -> String) -> Vec<String> {
    let whole = told(lines.concat().as_bytes());
    assert_eq!(whole.len(), 1, "{lines:#?}");
    let mut wrong = Vec::new();
    for (no, line) in lines.iter().enumerate() {
        for at in cuts(line) {
            let log = [&lines[..no].concat(), &line[..at], &rest(no)].concat();
            let records = told(log.as_bytes());
            let excess = records.iter().find_map(|record| excess("", record, &whole[0]));
            wrong.extend(
                excess.map(|excess| format!("{excess} of …{:?}", &line[at.saturating_sub(60)..at])),
            );
        }
    }
    wrong
}

#[test]
fn no_number_is_told_that_the_end_of_the_file_cut() {
    for (name, lines) in logs_in_every_form() {
        assert_eq!(wrong(&lines, |_| String::new()), [""; 0], "{name}");
    }
}

/// A collector that cuts what is long leaves the quote off that would end it.
#[test]
fn no_number_is_told_that_lacks_the_end_of_its_quotation() {
    let is_quoted = |lines: &[String]| {
        let is_array = lines[0].lines().count() > 1;
        !is_array && (lines[0].contains("\":") || lines[0].trim_end().ends_with('"'))
    };
    let mut forms = 0;
    for (name, lines) in logs_in_every_form().into_iter().filter(|(_, lines)| is_quoted(lines)) {
        forms += 1;
        let rest = |no: usize| ["\n", &lines[no + 1..].concat()].concat();
        assert_eq!(wrong(&lines, rest), [""; 0], "{name}");
    }
    assert!(forms >= 10, "{forms}");
}
