//! Entries of systemd's journal: `journalctl -o json`, and the same fields in other forms. See
//! systemd.journal-fields(7).

use jiff::Timestamp;
use serde::Deserialize;

use super::find::Spoken;
use super::prefix::Speaker;
use crate::kernel_log::scan::utf8;
use crate::kernel_log::{Guesses, Names, Stamp};

/// An entry of the journal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "MESSAGE", default)]
    message: Option<Field>,
    #[serde(rename = "_TRANSPORT", default)]
    transport: Option<Field>,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Option<Field>,
    #[serde(rename = "__REALTIME_TIMESTAMP", default)]
    realtime_us: Option<Field>,
    #[serde(rename = "_SOURCE_MONOTONIC_TIMESTAMP", default)]
    source_us: Option<Field>,
    #[serde(rename = "__MONOTONIC_TIMESTAMP", default)]
    monotonic_us: Option<Field>,
    #[serde(rename = "_BOOT_ID", default)]
    boot_id: Option<Field>,
    #[serde(rename = "_HOSTNAME", default)]
    host: Option<Field>,
    /// Whether the end of the message may be missing.
    #[serde(skip)]
    pub(super) cut: bool,
}

/// A field: text, or the bytes of what is none, or several of them, or nothing where it is long.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Field {
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

/// Without what `journalctl -o json-seq` (RFC 7464) and `-o json-sse` put before an entry.
pub(super) fn unframed(line: &[u8]) -> &[u8] {
    let entry = line.strip_prefix(b"\x1e").or_else(|| line.strip_prefix(b"data: "));
    entry.filter(|entry| entry.first() == Some(&b'{')).unwrap_or(line)
}

impl Line {
    /// `None` if the line is no entry of a journal.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(line).ok()?;
        entry.is_one().then_some(entry)
    }

    pub(super) fn is_one(&self) -> bool {
        self.message.is_some()
            && (self.realtime_us.is_some() || self.transport.is_some() || self.boot_id.is_some())
    }

    /// Sets one of the fields that are wanted.
    pub(super) fn set(&mut self, name: &[u8], value: Field) {
        let place = match name {
            b"MESSAGE" => &mut self.message,
            b"_TRANSPORT" => &mut self.transport,
            b"SYSLOG_IDENTIFIER" => &mut self.identifier,
            b"__REALTIME_TIMESTAMP" => &mut self.realtime_us,
            b"_SOURCE_MONOTONIC_TIMESTAMP" => &mut self.source_us,
            b"__MONOTONIC_TIMESTAMP" => &mut self.monotonic_us,
            b"_BOOT_ID" => &mut self.boot_id,
            b"_HOSTNAME" => &mut self.host,
            _ => return,
        };
        *place = Some(value);
    }

    /// What it says; `None` without words.
    pub(super) fn spoken(&self, line: u64) -> Option<Spoken> {
        let Self {
            message,
            transport,
            identifier,
            realtime_us,
            source_us,
            monotonic_us,
            boot_id,
            host,
            cut,
        } = self;
        let name =
            |field: &Option<Field>| field.as_ref().and_then(Field::bytes).map(<[u8]>::to_vec);
        let speaker = match (name(transport).as_deref(), name(identifier).as_deref()) {
            (Some(b"kernel"), _) | (None, Some(b"kernel")) => Speaker::Kernel,
            (None, None) => Speaker::Unsaid,
            _ => Speaker::Other,
        };
        let time = realtime_us.as_ref().and_then(Field::number);
        let time = time.and_then(|us| Timestamp::from_microsecond(i64::try_from(us).ok()?).ok());
        let monotonic = source_us.as_ref().or(monotonic_us.as_ref());
        let boot_ns = monotonic.and_then(Field::number).and_then(|us| us.checked_mul(1000));
        Some(Spoken {
            line,
            stamp: Stamp { boot_ns, time, guessed: Guesses::default() },
            caller: None,
            host: host.as_ref().and_then(Field::str).map(Into::into),
            boot_id: boot_id.as_ref().and_then(|id| uuid(id.bytes()?)),
            label: None,
            speaker,
            tag: name(identifier),
            is_stamped: true,
            names: Names::Exact,
            cut: *cut,
            text: message.as_ref()?.bytes()?.to_vec(),
        })
    }
}

/// A boot id as `/proc/sys/kernel/random/boot_id` has it: the journal leaves the dashes out.
pub(super) fn uuid(hex: &[u8]) -> Option<String> {
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
            let spoken = Line::parse(line.as_bytes()).unwrap().spoken(1).unwrap();
            assert_eq!(spoken.text, b"a\nb");
            assert_eq!(spoken.speaker, Speaker::Kernel);
            assert_eq!(spoken.boot_id.as_deref(), Some("7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11"));
            assert_eq!(spoken.host.as_deref(), Some("db1"));
            assert_eq!(spoken.stamp.boot_ns, Some(3_504_669_000));
            assert_eq!(spoken.stamp.time.unwrap().as_microsecond(), 1_795_413_601_000_001);
        }
    }

    #[test]
    fn what_is_too_long_or_of_others_says_nothing() {
        let long = r#"{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":null}"#;
        assert!(Line::parse(long.as_bytes()).is_none_or(|line| line.spoken(1).is_none()));
        let other = r#"{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"stdout","MESSAGE":"a"}"#;
        let other = Line::parse(other.as_bytes()).unwrap().spoken(1).unwrap();
        assert_eq!(other.speaker, Speaker::Other);
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
