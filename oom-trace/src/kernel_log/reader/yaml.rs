//! Entries that a collector prints as documents of YAML, a key a line, the message before its time:
//! `gcloud logging read`.

use super::Held;
use super::clock::{Zone, date};
use super::collector::Known;
use crate::kernel_log::scan::{split_once, utf8};

/// What each entry begins with.
const BEGIN: &[u8] = b"---";

/// Lines of an entry, and bytes; more is none.
const MOST: usize = 512;
const LARGEST: usize = 1 << 18;

/// Keys of the time; the first that is there.
const TIMES: [&str; 4] = ["timestamp", "@timestamp", "time", "receiveTimestamp"];

/// Keys of the machine.
const HOSTS: [&str; 5] =
    ["_HOSTNAME", "hostname", "host", "compute.googleapis.com/resource_name", "node_name"];

/// Keys of the message.
const LINES: [&str; 6] = ["textPayload", "MESSAGE", "message", "msg", "log", "line"];

/// Reads entries.
#[derive(Default)]
pub(super) struct Documents {
    is_open: bool,
    lines: Vec<Held>,
    bytes: usize,
}

/// An entry: its lines, and what its other lines tell of the message.
pub(super) struct Document {
    pub(super) lines: Vec<Held>,
    pub(super) known: Known,
}

impl Documents {
    /// Whether an entry goes on.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Takes a line; answers the entry that it ends, and whether it was of one.
    pub(super) fn take(
        &mut self,
        no: u64,
        line: &[u8],
        cut: bool,
        zone: &Zone,
    ) -> (Option<Document>, bool) {
        if line == BEGIN {
            let done = self.end(zone);
            self.is_open = true;
            return (done, true);
        }
        if !self.is_open {
            return (None, false);
        }
        if self.lines.is_empty() && key_and_value(line).is_none() {
            self.is_open = false;
            return (None, false);
        }
        self.bytes += line.len();
        self.lines.push(Held { no, text: line.to_vec(), cut });
        let done = match self.lines.len() < MOST && self.bytes < LARGEST {
            true => None,
            false => self.end(zone),
        };
        (done, true)
    }

    /// No line of this entry follows.
    pub(super) fn end(&mut self, zone: &Zone) -> Option<Document> {
        let Self { lines, .. } = std::mem::take(self);
        if lines.is_empty() {
            return None;
        }
        let value = |keys: &[&str]| {
            let of = |key: &&str| {
                let all = lines.iter().filter_map(|line| key_and_value(&line.text));
                all.filter(|(it, _)| *it == key.as_bytes()).map(|(_, value)| value).next()
            };
            keys.iter().find_map(of)
        };
        let stamp = value(&TIMES).and_then(|time| date(time, zone));
        let stamp = stamp.filter(|(_, rest)| rest.is_empty()).map(|(stamp, _)| stamp);
        let known = Known::new(stamp.unwrap_or_default(), value(&HOSTS).and_then(utf8));
        Some(Document { lines, known })
    }
}

impl Document {
    /// Whether a line is that of the message.
    pub(super) fn is_message(line: &[u8]) -> bool {
        key_and_value(line).is_some_and(|(key, _)| LINES.iter().any(|it| it.as_bytes() == key))
    }
}

/// `key: value`, without the quotes of either.
fn key_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"- ").unwrap_or(line);
    let (key, value) = match line.strip_suffix(b":") {
        Some(key) => (key, &b""[..]),
        None => split_once(line, ": ")?,
    };
    let key = bare(key);
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@./-".contains(byte);
    (!key.is_empty() && key.iter().all(is_of_key)).then(|| (key, bare(value.trim_ascii())))
}

fn bare(text: &[u8]) -> &[u8] {
    let inside = |quote: u8| text.strip_prefix(&[quote])?.strip_suffix(&[quote]);
    inside(b'\'').or_else(|| inside(b'"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::reader::read;
    use crate::kernel_log::{Machine, Parser};

    #[test]
    fn the_time_of_an_entry_stands_behind_its_message() {
        let entry = |text: &str, time: &str| {
            format!(
                "---\ninsertId: a\nlabels:\n  compute.googleapis.com/resource_name: db1\n\
                 receiveTimestamp: '2024-05-13T08:13:29Z'\ntextPayload: '{text}'\n\
                 timestamp: '{time}'\n"
            )
        };
        let log = [
            entry("[    1.000001] eth0: up", "2024-05-13T08:13:10Z"),
            entry(
                "[   11.000001] Out of memory: Killed process 7 (a) total-vm:8kB",
                "2024-05-13T08:13:20.12Z",
            ),
        ];
        let (mut records, zone) = (Vec::new(), Zone::utc());
        read(log.concat().as_bytes(), Parser::new(Machine::default()), &zone, |record| {
            records.push(record);
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
        let [record] = records.as_slice() else { panic!("{records:#?}") };
        let json = serde_json::to_value(record).unwrap();
        assert_eq!(json["time"], "2024-05-13T08:13:20.120000000Z");
        assert_eq!((&json["host"], &json["boot_ns"]), (&"db1".into(), &11_000_001_000_u64.into()));
        assert_eq!(json["time_guessed"], serde_json::json!(["collected"]));
    }

    #[test]
    fn keys_and_values() {
        let of = |line: &'static str| key_and_value(line.as_bytes());
        assert_eq!(of("timestamp: '2024'"), Some((&b"timestamp"[..], &b"2024"[..])));
        assert_eq!(of("labels:"), Some((&b"labels"[..], &b""[..])));
        assert_eq!(of("a b: c"), None);
        assert_eq!(of("+++ b/x"), None);
    }
}
