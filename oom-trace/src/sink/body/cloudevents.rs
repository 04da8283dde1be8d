//! CloudEvents 1.0.2, one event in structured mode: the JSON event format (§3) of the HTTP binding
//! (§3.2).

use jiff::Timestamp;
use serde::Serialize;

use super::super::Repeats;
use crate::incident::model::Record;

#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    specversion: &'static str,
    /// Together with `source` unique for each event.
    id: String,
    /// A reference to the agent of this host (RFC 3986 §4.2).
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    datacontenttype: &'static str,
    /// An extension: how many more there were at the same place, of which this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeats: Option<i32>,
    data: &'a Record,
}

impl<'a> Event<'a> {
    pub(super) fn of(record: &'a Record, repeats: Option<&Repeats>) -> Self {
        let host = record.origin().host.as_deref().unwrap_or_default();
        Self {
            specversion: "1.0",
            id: super::id(record, repeats),
            source: format!("//{}/oom-trace", authority(host)),
            kind: format!("io.github.oom-trace.{}", record.kind()),
            subject: super::place(record, repeats),
            time: record.origin().time,
            datacontenttype: "application/json",
            repeats: repeats.map(|repeats| i32::try_from(repeats.more).unwrap_or(i32::MAX)),
            data: record,
        }
    }
}

/// A host's name as an authority of a URI may have it.
fn authority(host: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") };
    if host.is_empty() { "localhost".to_owned() } else { host.bytes().map(one).collect() }
}
