//! `POST /api/v2/alerts` of Prometheus' Alertmanager:
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>, `postableAlerts`.

use jiff::Timestamp;
use serde::Serialize;

use super::super::severity::Severity;
use super::message::{Facts, Message};
use crate::incident::model::RecordType;

/// An alert is who has these labels: they say where, and the annotations what happened there last.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    labels: Facts,
    annotations: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<Timestamp>,
}

/// The facts that are the same for each kill at a place.
const LABELS: [&str; 6] = ["scope", "comm", "cgroup", "unit", "container", "pod"];

impl Alert {
    pub(super) fn of(message: &Message<'_>) -> Self {
        let Message { kind, title, why, facts, severity, time, host, place } = message;
        let mut labels = vec![("alertname", name(*kind)), ("severity", grade(*severity))]
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect::<Vec<_>>();
        // A label without a value is none.
        if !host.is_empty() {
            labels.push(("host", (*host).to_owned()));
        }
        labels.extend(place.iter().map(|place| ("place", place.clone())));
        let (of_place, of_kill): (Vec<_>, Vec<_>) =
            facts.0.iter().cloned().partition(|(name, _)| LABELS.contains(name));
        labels.extend(of_place.into_iter().filter(|(_, value)| !value.is_empty()));
        let mut annotations = vec![("summary", title.clone())];
        if let Some(why) = why {
            let lines: Vec<_> = std::iter::once(&why.summary).chain(&why.hints).cloned().collect();
            annotations.push(("description", lines.join("\n")));
        }
        annotations.extend(of_kill);
        Self { labels: Facts(labels), annotations: Facts(annotations), starts_at: *time }
    }
}

/// As alerts are called by Prometheus' own rules.
fn name(kind: RecordType) -> &'static str {
    match kind {
        RecordType::OomKill => "OomKill",
        RecordType::OomPanic => "OomPanic",
        RecordType::OomFailed => "OomFailed",
        RecordType::UserKill => "OomUserKill",
        RecordType::OomExit => "OomExit",
        RecordType::Agent => "OomTraceAgent",
    }
}

fn grade(severity: Severity) -> &'static str {
    match severity {
        Severity::Emergency | Severity::Critical => "critical",
        Severity::Error | Severity::Warning => "warning",
        Severity::Notice | Severity::Info => "info",
    }
}
