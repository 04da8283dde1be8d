//! PagerDuty's Events API v2: <https://developer.pagerduty.com/docs/send-alert-event>.

use jiff::Timestamp;
use serde::Serialize;

use super::super::severity::Severity;
use super::cut;
use super::message::{Facts, Message};
use crate::incident::model::Why;

/// Characters of a summary.
const SUMMARY: usize = 1024;

/// Characters of a key by which events are put together.
const DEDUP_KEY: usize = 255;

#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    routing_key: &'a str,
    event_action: &'static str,
    dedup_key: String,
    payload: Payload<'a>,
    client: &'static str,
}

#[derive(Debug, Serialize)]
struct Payload<'a> {
    summary: String,
    source: &'a str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    class: &'static str,
    custom_details: Details<'a>,
}

#[derive(Debug, Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Why>,
}

impl<'a> Event<'a> {
    pub(super) fn of(message: &'a Message<'a>, routing_key: &'a str) -> Self {
        let Message { kind, title, why, facts, severity, time, host, place } = message;
        let place = place.as_deref();
        let key = format!("oom-trace {} {host} {}", kind.name(), place.unwrap_or_default());
        // The end of a path says most.
        let surplus = key.chars().count().saturating_sub(DEDUP_KEY);
        let payload = Payload {
            summary: cut(title, SUMMARY),
            // It must not be empty.
            source: if host.is_empty() { "unknown" } else { host },
            severity: grade(*severity),
            timestamp: *time,
            group: place,
            class: kind.name(),
            custom_details: Details { facts, why: *why },
        };
        Self {
            routing_key,
            event_action: "trigger",
            dedup_key: key.chars().skip(surplus).collect(),
            payload,
            client: "oom-trace",
        }
    }
}

fn grade(severity: Severity) -> &'static str {
    match severity {
        Severity::Emergency | Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice | Severity::Info => "info",
    }
}
