//! An Event of Kubernetes, `v1` of the core group, on the victim's pod, where `kubectl describe pod` shows it; of
//! what is in no pod whose name is known, on the node:
//! <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>.

use jiff::Timestamp;
use serde::Serialize;

use super::super::Repeats;
#[cfg(feature = "network")]
use super::super::http::{self, Meaning};
use super::super::severity::Severity;
use super::cut;
use super::message::Message;
use crate::incident::model::{Record, RecordType};

/// Characters of a message, as of `note` in `events.k8s.io/v1`.
const MESSAGE: usize = 1024;

/// The namespace of what is told of nodes, which are in none.
const OF_NODES: &str = "default";

const AGENT: &str = "oom-trace";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    involved_object: Object<'a>,
    reason: &'static str,
    message: String,
    #[serde(rename = "type")]
    grade: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_timestamp: Option<Timestamp>,
    count: i32,
    source: Source<'a>,
    reporting_component: &'static str,
    reporting_instance: &'a str,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    /// The same for the same record, which is refused the second time.
    name: String,
    namespace: &'a str,
}

/// What an Event is about.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_path: Option<String>,
}

#[derive(Debug, Serialize)]
struct Source<'a> {
    component: &'static str,
    host: &'a str,
}

impl<'a> Event<'a> {
    pub(super) fn of(
        record: &'a Record,
        repeats: Option<&Repeats>,
        message: &Message<'a>,
        node: &'a str,
    ) -> Self {
        let Message { kind, title, why, severity, time, host, .. } = message;
        let node = if node.is_empty() { host } else { node };
        let object = object(record, node);
        let why = why.map(|why| format!(": {}", why.summary)).unwrap_or_default();
        let ago = repeats.and_then(|repeats| time.as_ref()?.checked_sub(repeats.within).ok());
        Self {
            api_version: "v1",
            kind: "Event",
            metadata: Metadata {
                name: name(&super::id(record, repeats)),
                namespace: object.namespace.unwrap_or(OF_NODES),
            },
            involved_object: object,
            reason: reason(*kind),
            message: cut(&format!("{title}{why}"), MESSAGE),
            grade: grade(*severity),
            first_timestamp: ago.or(*time),
            last_timestamp: *time,
            count: repeats.map_or(1, |repeats| i32::try_from(repeats.more).unwrap_or(i32::MAX)),
            source: Source { component: AGENT, host: node },
            reporting_component: AGENT,
            reporting_instance: node,
        }
    }
}

/// Where it is posted to, below the API server's URL.
#[cfg(feature = "network")]
pub(super) fn path(record: &Record) -> [&str; 5] {
    let namespace = object(record, "").namespace.unwrap_or(OF_NODES);
    ["api", "v1", "namespaces", namespace, "events"]
}

/// What the API server's answer means: of a namespace that is gone or going, no Event is taken any more.
#[cfg(feature = "network")]
pub(super) fn meaning(status: u16, said: &str) -> Meaning {
    match status {
        // It has this one.
        409 => Meaning::Taken,
        403 if said.contains("is being terminated") => Meaning::Refused,
        404 if said.contains("namespaces ") => Meaning::Refused,
        _ => http::meaning(status, said),
    }
}

fn object<'a>(record: &'a Record, node: &'a str) -> Object<'a> {
    let of_pod = || {
        let pod = record.kill()?.victim.pod.as_ref()?;
        let container = pod.container.as_deref();
        Some(Object {
            api_version: "v1",
            kind: "Pod",
            namespace: Some(pod.namespace.as_deref()?),
            name: pod.name.as_deref()?,
            uid: &pod.uid,
            field_path: container.map(|name| format!("spec.containers{{{name}}}")),
        })
    };
    // What is told of a node has its name for the uid: the kubelet does the same.
    of_pod().unwrap_or(Object {
        api_version: "v1",
        kind: "Node",
        name: node,
        uid: node,
        ..Object::default()
    })
}

/// As an object may be called (RFC 1123 §2.1).
fn name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{AGENT}-{}", id.chars().map(plain).collect::<String>())
}

/// In the spelling of a container's state, `OOMKilled`.
fn reason(kind: RecordType) -> &'static str {
    match kind {
        RecordType::OomKill => "OOMKilled",
        RecordType::OomPanic => "OOMPanic",
        RecordType::OomFailed => "OOMFailed",
        RecordType::UserKill => "OOMUserKill",
        RecordType::OomExit => "OOMExit",
        RecordType::Agent => "OOMTraceAgent",
    }
}

fn grade(severity: Severity) -> &'static str {
    match severity {
        Severity::Emergency | Severity::Critical | Severity::Error | Severity::Warning => "Warning",
        Severity::Notice | Severity::Info => "Normal",
    }
}
