//! Lines that a collector wrapped in JSON of its own: CloudWatch, Loki, Docker, Fluent Bit, Kubernetes
//! events, `dmesg --json`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::clock::{Zone, wall};
use super::find::Spoken;
use super::words::speaks_of_a_kill;
use crate::kernel_log::scan::Scan;
use crate::kernel_log::{Guesses, Stamp};

/// A longer line is taken as text.
pub(super) const LONGEST: usize = 1 << 20;

/// How deep objects may stand in each other.
const DEEPEST: u32 = 12;

/// Where a line stands; the first that is there.
const LINES: [&str; 15] = [
    "MESSAGE",
    "message",
    "msg",
    "log",
    "line",
    "textPayload",
    "text",
    "body",
    "content",
    "short_message",
    "@message",
    "_msg",
    "_raw",
    "event",
    "stringValue",
];

/// When it was.
const TIMES: [&str; 13] = [
    "@timestamp",
    "_time",
    "Date",
    "Time",
    "timestamp",
    "time",
    "ts",
    "eventTime",
    "lastTimestamp",
    "firstTimestamp",
    "date",
    "receiveTimestamp",
    "ingestionTime",
];

/// Whose it is.
const HOSTS: [&str; 8] =
    ["host", "hostname", "_HOSTNAME", "nodename", "node_name", "node", "logStream", "instance"];

/// What a record says.
#[derive(Debug)]
pub(super) enum Said {
    /// An entry of the journal.
    Spoken(Spoken),
    /// A line, which has a prefix of its own or not, what the collector knows of it, and whether it lost its end.
    Line { text: Vec<u8>, known: Known, cut: bool },
}

/// What the collector says of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    stamp: Stamp,
    host: Option<String>,
}

impl Known {
    pub(super) const fn new(stamp: Stamp, host: Option<String>) -> Self {
        Self { stamp, host }
    }

    /// Adds it to what the line says by itself.
    pub(super) fn add_to(&self, spoken: &mut Spoken) {
        let Self { stamp, host } = self;
        spoken.stamp.boot_ns = spoken.stamp.boot_ns.or(stamp.boot_ns);
        // A time that had to be completed is worth less than one that is whole.
        let is_guess = spoken.stamp.guessed.zone || spoken.stamp.guessed.year;
        if stamp.time.is_some() && (spoken.stamp.time.is_none() || is_guess) {
            spoken.stamp.time = stamp.time;
            spoken.stamp.guessed = Guesses { collected: true, ..Guesses::default() };
        }
        if spoken.host.is_none() {
            spoken.host.clone_from(host);
        }
        spoken.is_stamped = true;
    }
}

/// The lines in a value.
pub(super) fn said(value: &Value) -> Vec<Said> {
    let mut all = Vec::new();
    walk(value, &Known::default(), "", DEEPEST, &mut all);
    all
}

/// The lines in an element of a list, which is a member of an object with these others.
pub(super) fn element(text: &str, members: &Map<String, Value>) -> Vec<Said> {
    let mut all = Vec::new();
    add(text, &more(members, &Known::default()), &mut all);
    all
}

/// `around` is the line of the object that this one is in, or empty: this may have a copy of it.
fn walk(value: &Value, known: &Known, around: &str, depth: u32, all: &mut Vec<Said>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(members) => {
            let known = more(members, known);
            let line = LINES.iter().find_map(|key| members.get(*key)?.as_str());
            let is_copy =
                |text: &str| !around.is_empty() && (text.contains(around) || around.contains(text));
            if let Some(text) = line.filter(|text| !is_copy(text)) {
                match inner(text) {
                    Some(value) => walk(&value, &known, "", depth - 1, all),
                    None => add(text, &known, all),
                }
            }
            // CloudWatch's answers: the name beside what it names.
            let is_named =
                members.get("field").and_then(Value::as_str).map(|it| LINES.contains(&it));
            for (key, value) in members {
                match value {
                    // Of others only what speaks for itself.
                    Value::String(text) => {
                        let is_other = !LINES.contains(&key.as_str());
                        let is_line = match is_named {
                            Some(is_line) => is_line && key == "value",
                            None => speaks_of_a_kill(text.as_bytes()),
                        };
                        if is_other && line.is_none() && is_line && !is_copy(text) {
                            add(text, &known, all);
                        }
                    }
                    Value::Array(_) | Value::Object(_) => {
                        walk(value, &known, line.unwrap_or(around), depth - 1, all);
                    }
                    _ => {}
                }
            }
        }
        Value::Array(items) => {
            // Loki's: the time in nanoseconds, and the line.
            if let [Value::String(time), Value::String(text), ..] = items.as_slice()
                && let Some(stamp) = time_of(&Value::String(time.clone()))
            {
                add(text, &Known { stamp, ..known.clone() }, all);
                return;
            }
            // One line tells that the others are lines, too.
            let is_line =
                |item: &Value| item.as_str().is_some_and(|it| speaks_of_a_kill(it.as_bytes()));
            let is_log = items.iter().any(is_line);
            for item in items {
                match item {
                    Value::String(text) if is_log => add(text, known, all),
                    item => walk(item, known, around, depth - 1, all),
                }
            }
        }
        _ => {}
    }
}

/// What a program wrote as JSON of its own, which another wrapped.
fn inner(text: &str) -> Option<Value> {
    let is_object = text.starts_with('{') && text.len() <= LONGEST;
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

fn add(text: &str, known: &Known, all: &mut Vec<Said>) {
    // dmesg --json --file has all that follows in each message, as it stands in the file.
    let is_next = |line: &str| line.starts_with('<') && line.get(2..4) == Some(">[");
    let lines = text.lines().take_while(|line| !is_next(line)).filter(|line| !line.is_empty());
    all.extend(lines.map(|line| Said::Line {
        text: line.as_bytes().to_vec(),
        known: known.clone(),
        cut: false,
    }));
}

fn more(members: &Map<String, Value>, known: &Known) -> Known {
    let host = HOSTS.iter().find_map(|key| match members.get(*key)? {
        Value::String(name) => Some(name.clone()),
        Value::Object(inside) => inside.get("name")?.as_str().map(str::to_owned),
        _ => None,
    });
    let time = TIMES.iter().find_map(|key| time_of(members.get(*key)?));
    // Loki's labels stand beside the lines.
    let stream = || members.get("stream").and_then(Value::as_object).map(|it| more(it, known));
    let inner = stream();
    Known {
        stamp: time.or_else(|| inner.as_ref().map(|it| it.stamp)).unwrap_or(known.stamp),
        host: host.or_else(|| inner.and_then(|it| it.host)).or_else(|| known.host.clone()),
    }
}

/// The machine that labels name, as Grafana has them beside a line.
pub(super) fn host_of(labels: &[u8]) -> Option<String> {
    let Value::Object(labels) = serde_json::from_slice(labels).ok()? else { return None };
    more(&labels, &Known::default()).host
}

fn time_of(value: &Value) -> Option<Stamp> {
    let whole = |time: Timestamp| wall(time, Guesses::default());
    match value {
        Value::String(text) => match text.parse::<i64>() {
            Ok(number) => Zone::epoch(number).map(whole),
            Err(_) => text.parse().ok().map(whole),
        },
        Value::Number(number) => match number.as_i64() {
            Some(number) => Zone::epoch(number).map(whole),
            None => uptime(&number.to_string()),
        },
        _ => None,
    }
}

/// `dmesg --json` has seconds since boot.
fn uptime(number: &str) -> Option<Stamp> {
    let mut scan = Scan(number.as_bytes());
    let seconds: u64 = scan.number()?;
    scan.eat(".")?;
    let digits = u32::try_from(scan.0.len()).ok()?;
    let fraction: u64 = scan.number()?;
    let nanos = fraction.checked_mul(10_u64.checked_pow(9_u32.checked_sub(digits)?)?)?;
    if seconds >= 1_000_000_000 {
        let seconds = Timestamp::from_second(seconds.try_into().ok()?).ok()?;
        return Some(wall(seconds, Guesses::default()));
    }
    let boot_ns = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some(Stamp { boot_ns: Some(boot_ns), ..Stamp::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(json: &str) -> Vec<(String, Known)> {
        let of = |said| match said {
            Said::Line { text, known, .. } => (String::from_utf8(text).unwrap(), known),
            Said::Spoken(_) => panic!("no entry of a journal"),
        };
        said(&serde_json::from_str(json).unwrap()).into_iter().map(of).collect()
    }

    #[test]
    fn lines_of_collectors() {
        for (json, host, time) in [
            (r#"{"timestamp":1718998978000,"message":"a b","logStream":"n"}"#, Some("n"), true),
            (
                r#"{"stream":{"host":"n"},"values":[["1718998978000000000","a b"]]}"#,
                Some("n"),
                true,
            ),
            (r#"{"log":"a b\n","stream":"stdout","time":"2024-06-21T19:42:58.5Z"}"#, None, true),
            (
                r#"{"host":{"name":"n"},"message":"a b","@timestamp":"2024-06-21T19:42:58Z"}"#,
                Some("n"),
                true,
            ),
            (
                r#"{"jsonPayload":{"MESSAGE":"a b","_HOSTNAME":"n"},"insertId":"x"}"#,
                Some("n"),
                false,
            ),
        ] {
            let [(text, known)] = <[_; 1]>::try_from(lines(json)).unwrap();
            assert_eq!((&*text, known.host.as_deref()), ("a b", host), "{json}");
            assert_eq!(known.stamp.time.is_some(), time, "{json}");
        }
        for json in [
            r#"{"message":"a b","event":{"original":"Killed process 7 (a b)","message":"a b"}}"#,
            r#"{"log":"{\"message\":\"a b\"}\n"}"#,
            r#"{"_raw":"a b","host":"n"}"#,
            r#"{"short_message":"a b","version":"1.1"}"#,
            r#"[{"field":"@timestamp","value":"x"},{"field":"@message","value":"a b"}]"#,
            r#"{"resourceLogs":[{"logRecords":[{"body":{"stringValue":"a b"}}]}]}"#,
        ] {
            let found: Vec<_> = lines(json).into_iter().map(|(text, _)| text).collect();
            assert_eq!(found, ["a b"], "{json}");
        }
        let list = r#"{"stdout_lines":["a","Killed process 7 (a)","b"],"rc":["x"]}"#;
        let found: Vec<_> = lines(list).into_iter().map(|(text, _)| text).collect();
        assert_eq!(found, ["a", "Killed process 7 (a)", "b"]);
        let [(_, known)] =
            <[_; 1]>::try_from(lines(r#"{"pri":4,"time":3.504669,"msg":"a"}"#)).unwrap();
        assert_eq!(known.stamp.boot_ns, Some(3_504_669_000));
    }
}
