//! `journalctl -o json`: an object a line. See systemd.journal-fields(7).

use jiff::Timestamp;
use serde::Deserialize;

use crate::kernel_log::scan::utf8;
use crate::kernel_log::{Entry, Names, Stamp};

/// An entry of the journal.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "MESSAGE", default)]
    message: Option<Field>,
    #[serde(rename = "_TRANSPORT", default)]
    transport: Option<Field>,
    #[serde(rename = "__REALTIME_TIMESTAMP", default)]
    realtime_us: Option<Field>,
    #[serde(rename = "_SOURCE_MONOTONIC_TIMESTAMP", default)]
    source_us: Option<Field>,
    #[serde(rename = "_BOOT_ID", default)]
    boot_id: Option<Field>,
    #[serde(rename = "_HOSTNAME", default)]
    host: Option<Field>,
    /// With dashes.
    #[serde(skip)]
    uuid: Option<String>,
}

/// A field: text, or the bytes of what is none, or several of them, or nothing where it is long.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Field {
    Text(String),
    Bytes(Vec<u8>),
    Other(serde::de::IgnoredAny),
}

impl Field {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Other(_) => None,
        }
    }

    fn str(&self) -> Option<&str> {
        str::from_utf8(self.bytes()?).ok()
    }

    fn number(&self) -> Option<u64> {
        self.str()?.parse().ok()
    }
}

impl Line {
    /// `None` if the line is no entry of a journal.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut entry: Self = serde_json::from_slice(line).ok()?;
        entry.realtime_us.as_ref()?;
        entry.uuid = entry.boot_id.as_ref().and_then(|id| uuid(id.bytes()?));
        Some(entry)
    }

    /// The kernel's message; `None` if it is another's.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        let Self { message, transport, realtime_us, source_us, boot_id: _, host, uuid } = self;
        if transport.as_ref()?.bytes()? != b"kernel" {
            return None;
        }
        let time = realtime_us.as_ref().and_then(Field::number);
        let time = time.and_then(|us| Timestamp::from_microsecond(i64::try_from(us).ok()?).ok());
        let boot_ns = source_us.as_ref().and_then(Field::number)?.checked_mul(1000);
        Some(Entry {
            stamp: Stamp { boot_ns, time },
            caller: None,
            host: host.as_ref().and_then(Field::str),
            boot_id: uuid.as_deref(),
            names: Names::Exact,
            cut: false,
            text: message.as_ref()?.bytes()?,
        })
    }
}

/// A boot id as `/proc/sys/kernel/random/boot_id` has it: the journal leaves the dashes out.
fn uuid(hex: &[u8]) -> Option<String> {
    if hex.len() != 32 || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let hex = utf8(hex)?;
    let mut parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].into_iter();
    let parts: Option<Vec<_>> = parts.by_ref().map(|(from, to)| hex.get(from..to)).collect();
    Some(parts?.join("-"))
}

/// journalctl's line between two boots, `-- Boot 7c6e5a0c0f0b4f0e9d0a6d1b0c9f2a11 --` or
/// `-- Reboot --`; the id if it has one.
pub(super) fn boot(line: &[u8]) -> Option<Option<String>> {
    let inside = line.strip_prefix(b"-- ")?.strip_suffix(b" --")?;
    if inside == b"Reboot" {
        return Some(None);
    }
    uuid(inside.strip_prefix(b"Boot ")?).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_text_or_bytes() {
        for message in [r#""a\nb""#, "[97,10,98]"] {
            let line = format!(
                r#"{{"__REALTIME_TIMESTAMP":"1795413601000001","_SOURCE_MONOTONIC_TIMESTAMP":"3504669","_BOOT_ID":"7c6e5a0c0f0b4f0e9d0a6d1b0c9f2a11","_HOSTNAME":"db1","_TRANSPORT":"kernel","MESSAGE":{message},"X":["a","b"]}}"#
            );
            let record = Line::parse(line.as_bytes()).unwrap();
            let entry = record.entry().unwrap();
            assert_eq!(entry.text, b"a\nb");
            assert_eq!(entry.boot_id, Some("7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11"));
            assert_eq!(entry.host, Some("db1"));
            assert_eq!(entry.stamp.boot_ns, Some(3_504_669_000));
            assert_eq!(entry.stamp.time.unwrap().as_microsecond(), 1_795_413_601_000_001);
        }
    }

    #[test]
    fn what_is_too_long_or_of_others_says_nothing() {
        let entry = |line: &str| Line::parse(line.as_bytes()).unwrap().entry().is_some();
        assert!(!entry(r#"{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":null}"#));
        assert!(!entry(r#"{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"stdout","MESSAGE":"a"}"#));
        assert!(Line::parse(b"{\"a\":1}").is_none());
        assert!(Line::parse(b"{").is_none());
    }

    #[test]
    fn the_line_between_two_boots() {
        assert_eq!(boot(b"-- Reboot --"), Some(None));
        let id = boot(b"-- Boot 7c6e5a0c0f0b4f0e9d0a6d1b0c9f2a11 --").unwrap();
        assert_eq!(id.as_deref(), Some("7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11"));
        assert_eq!(boot(b"-- No entries --"), None);
    }
}
