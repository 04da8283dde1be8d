//! Each body is posted to a server and held against what its service says that it takes.

mod template;

use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::super::compliance;
use super::super::testhttp::{Request, Server};
use super::super::webhook::WebhookConfig;
use super::super::{Destination as _, Sink};
use super::*;
use crate::incident::model::Why;
use crate::render::fixtures;
use crate::setting::inline_table;

/// A sink with this body, and what is posted by it.
fn posting(keys: &str) -> (Box<dyn Sink>, Receiver<Request>) {
    let (sender, requests) = channel();
    let server = Server::start(move |request| {
        sender.send(request).unwrap();
        (202, Vec::new())
    });
    let table = format!("{{ url = {:?}, {keys} }}", server.url("/"));
    (compliance::open::<WebhookConfig>(&table).unwrap(), requests)
}

/// What is posted of each fixture, and of the first as the last of several.
fn posted(keys: &str, content_type: &str) -> Vec<(&'static str, Value)> {
    let (mut sink, requests) = posting(keys);
    let body = |request: Request| {
        assert_eq!(request.headers["content-type"], content_type);
        serde_json::from_slice(&request.body).unwrap()
    };
    let mut all = Vec::new();
    for ((name, _), record) in fixtures::all().iter().zip(compliance::records()) {
        sink.deliver(std::slice::from_ref(&record)).unwrap();
        all.push((*name, body(requests.recv().unwrap())));
    }
    let [first, ..] = compliance::records();
    sink.deliver_repeats(&first, &seventeen()).unwrap();
    let request = requests.recv().unwrap();
    assert_eq!(request.headers["idempotency-key"], format!("{}+17", first.id()));
    all.push(("repeats", body(request)));
    all
}

fn seventeen() -> Repeats {
    Repeats { more: 17, within: FOLD, at: "cgroup /web".to_owned() }
}

/// Each body fits, and none with a required member gone does.
fn assert_fits(schema: &Value, bodies: &[(&str, Value)]) {
    let validator = jsonschema::validator_for(schema).unwrap();
    for (name, body) in bodies {
        let errors: Vec<_> = validator.iter_errors(body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}: {body:#}");
    }
    assert!(!validator.is_valid(&json!({})));
    assert!(!validator.is_valid(&json!([{}])));
}

fn of<'a>(bodies: &'a [(&str, Value)], wanted: &str) -> &'a Value {
    &bodies.iter().find(|(name, _)| *name == wanted).unwrap().1
}

/// Block Kit's reference: sections and contexts, and the limits of their texts.
#[test]
fn slack() {
    let text = json!({
        "type": "object", "additionalProperties": false, "required": ["type", "text"],
        "properties": {
            "type": { "const": "plain_text" },
            "text": { "type": "string", "minLength": 1, "maxLength": 3000 },
            "emoji": { "type": "boolean" },
        },
    });
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["text", "blocks"],
        "properties": {
            "text": { "type": "string", "minLength": 1, "maxLength": 4000, "pattern": "^[^<>]*$" },
            "blocks": { "type": "array", "minItems": 1, "maxItems": 50, "items": { "oneOf": [
                { "type": "object", "additionalProperties": false, "required": ["type", "text"],
                  "properties": { "type": { "const": "section" }, "text": text } },
                { "type": "object", "additionalProperties": false, "required": ["type", "elements"],
                  "properties": { "type": { "const": "context" },
                    "elements": { "type": "array", "minItems": 1, "maxItems": 10, "items": text } } },
            ] } },
        },
    });
    let bodies = posted("body = \"slack\"", "application/json");
    assert_fits(&schema, &bodies);
    assert_eq!(
        of(&bodies, "memcg")["text"],
        "OOM kill on db1: memhog (pid 157) in /web/app.service, 24.5 MiB RSS, limit 32.0 MiB of /web"
    );
    let said = of(&bodies, "repeats")["text"].as_str().unwrap();
    assert!(
        said.starts_with("17 more in 10m 0s at cgroup /web; the last: OOM kill on db1: "),
        "{said}"
    );
}

#[test]
fn what_a_process_calls_itself_is_no_markup() {
    let mut kill = fixtures::memcg();
    kill.victim.comm = Some("<!channel>&co".into());
    let record = Record::OomKill(Box::new(kill));
    let mut body = Vec::new();
    Writer::new(Body::Slack, BodyKeys::default()).unwrap().write(&record, None, &mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    for text in [&body["text"], &body["blocks"][0]["text"]["text"]] {
        let text = text.as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt;&amp;co") && !text.contains('<'), "{text}");
    }
}

/// The message of a workflow's webhook, and Adaptive Cards 1.2 of what is used of them.
#[test]
fn teams() {
    let run = json!({
        "type": "object", "additionalProperties": false, "required": ["type", "text"],
        "properties": {
            "type": { "const": "TextRun" },
            "text": { "type": "string", "minLength": 1 },
            "weight": { "enum": ["Lighter", "Default", "Bolder"] },
            "isSubtle": { "type": "boolean" },
        },
    });
    let block = json!({
        "type": "object", "additionalProperties": false, "required": ["type", "inlines"],
        "properties": {
            "type": { "const": "RichTextBlock" },
            "inlines": { "type": "array", "minItems": 1, "items": run },
        },
    });
    let card = json!({
        "type": "object", "additionalProperties": false, "required": ["type", "version", "body"],
        "properties": {
            "$schema": { "const": "http://adaptivecards.io/schemas/adaptive-card.json" },
            "type": { "const": "AdaptiveCard" },
            "version": { "const": "1.2" },
            "body": { "type": "array", "minItems": 1, "items": block },
        },
    });
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["type", "attachments"],
        "properties": {
            "type": { "const": "message" },
            "attachments": { "type": "array", "minItems": 1, "maxItems": 1, "items": {
                "type": "object", "required": ["contentType", "content"],
                "properties": {
                    "contentType": { "const": "application/vnd.microsoft.card.adaptive" },
                    "content": card,
                },
            } },
        },
    });
    let bodies = posted("body = \"teams\"", "application/json");
    assert_fits(&schema, &bodies);
    for (name, body) in &bodies {
        assert!(body.to_string().len() < 28_000, "{name}");
    }
}

/// "Send an alert event" of the Events API v2.
#[test]
fn pagerduty() {
    let schema = json!({
        "type": "object", "additionalProperties": false,
        "required": ["routing_key", "event_action", "payload"],
        "properties": {
            "routing_key": { "const": "0123456789abcdef" },
            "event_action": { "const": "trigger" },
            "dedup_key": { "type": "string", "minLength": 1, "maxLength": 255 },
            "client": { "type": "string" },
            "payload": {
                "type": "object", "additionalProperties": false,
                "required": ["summary", "source", "severity"],
                "properties": {
                    "summary": { "type": "string", "minLength": 1, "maxLength": 1024 },
                    "source": { "type": "string", "minLength": 1 },
                    "severity": { "enum": ["critical", "error", "warning", "info"] },
                    "timestamp": { "type": "string", "format": "date-time" },
                    "component": { "type": "string" },
                    "group": { "type": "string" },
                    "class": { "type": "string" },
                    "custom_details": { "type": "object" },
                },
            },
        },
    });
    let keys = "body = \"pagerduty\", routing_key = \"0123456789abcdef\"";
    let bodies = posted(keys, "application/json");
    assert_fits(&schema, &bodies);
    // Kills at one place are one incident there.
    let key = |name| of(&bodies, name)["dedup_key"].as_str().unwrap().to_owned();
    assert_eq!(key("repeats"), "oom-trace oom_kill db1 cgroup /web");
    assert_ne!(key("memcg"), key("global"));
}

/// `postableAlerts` of Alertmanager's OpenAPI document (api/v2/openapi.yaml), and that a label's name
/// is one of Prometheus' and its value not empty.
#[test]
fn alertmanager() {
    let set = json!({
        "type": "object", "additionalProperties": { "type": "string", "minLength": 1 },
        "propertyNames": { "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$" },
    });
    let schema = json!({
        "type": "array", "minItems": 1, "items": {
            "type": "object", "additionalProperties": false, "required": ["labels"],
            "properties": {
                "startsAt": { "type": "string", "format": "date-time" },
                "endsAt": { "type": "string", "format": "date-time" },
                "annotations": set, "labels": set,
                "generatorURL": { "type": "string", "format": "uri" },
            },
        },
    });
    let bodies = posted("body = \"alertmanager\"", "application/json");
    assert_fits(&schema, &bodies);
    let mut labels = of(&bodies, "memcg")[0]["labels"].clone();
    assert_eq!(labels["alertname"], "OomKill");
    // Another kill at the same place is the same alert.
    assert_eq!(labels, of(&bodies, "repeats")[0]["labels"]);
    assert!(["pid", "id", "incident"].iter().all(|key| labels[key].take().is_null()));
}

/// The required attributes of CloudEvents 1.0 (§ REQUIRED Attributes), the names that it allows, and
/// its types.
#[test]
fn cloudevents() {
    let text = json!({ "type": "string", "minLength": 1 });
    let schema = json!({
        "type": "object", "required": ["id", "source", "specversion", "type"],
        "propertyNames": { "pattern": "^[a-z0-9]{1,20}$" },
        "properties": {
            "specversion": { "const": "1.0" },
            "id": text, "type": text, "subject": text,
            "source": { "type": "string", "format": "uri-reference", "minLength": 1 },
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" },
            "repeats": { "type": "integer", "minimum": 1, "maximum": i32::MAX },
        },
    });
    let bodies = posted("body = \"cloudevents\"", "application/cloudevents+json");
    assert_fits(&schema, &bodies);
    for ((_, record), (name, body)) in fixtures::all().iter().zip(&bodies) {
        assert_eq!(body["data"], serde_json::to_value(record).unwrap(), "{name}");
        assert_eq!(body["id"], record.id(), "{name}");
    }
    assert_eq!(of(&bodies, "repeats")["repeats"], 17);
    assert_eq!(of(&bodies, "memcg")["source"], "//db1/oom-trace");
}

/// On the pod where there is one whose name is known, on the node otherwise. That Kubernetes takes it is held
/// against its own schemas in `tests/delivery/bodies.rs`.
#[test]
fn kubernetes() {
    let bodies = posted("body = \"kubernetes\"", "application/json");
    let called = |body: &Value| body["metadata"]["name"].as_str().unwrap().to_owned();
    for (name, body) in &bodies {
        let called = called(body);
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(called.len() < 254 && called.chars().all(is_plain), "{called}");
        assert!(called.starts_with("oom-trace-") && !called.ends_with('-'), "{called}");
        assert!(body["message"].as_str().unwrap().chars().count() <= 1024, "{name}");
    }
    let kill = of(&bodies, "memcg");
    let node = json!({ "apiVersion": "v1", "kind": "Node", "name": "db1", "uid": "db1" });
    assert_eq!(
        (&kill["involvedObject"], &kill["metadata"]["namespace"]),
        (&node, &json!("default"))
    );
    assert_eq!((&kill["reason"], &kill["type"]), (&json!("OOMKilled"), &json!("Warning")));
    assert_eq!((&kill["count"], &kill["firstTimestamp"]), (&json!(1), &kill["lastTimestamp"]));
    let repeats = of(&bodies, "repeats");
    assert_eq!(repeats["count"], 17);
    assert_eq!(called(repeats), format!("{}-17", called(kill)));
    assert_ne!(repeats["firstTimestamp"], repeats["lastTimestamp"]);

    let mut kill = fixtures::memcg();
    kill.victim.pod = Some(fixtures::pod("shop", "web-1"));
    kill.why = Some(Why { summary: "cgroup /web hit its limit".into(), hints: Vec::new() });
    let record = Record::OomKill(Box::new(kill));
    let mut body = Vec::new();
    let node = Secret::Text("node-3".into());
    let keys = BodyKeys { node: Some(&node), ..BodyKeys::default() };
    let writer = Writer::new(Body::Kubernetes, keys).unwrap();
    writer.write(&record, None, &mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u-1",
        "fieldPath": "spec.containers{main}",
    });
    assert_eq!((&body["involvedObject"], &body["metadata"]["namespace"]), (&pod, &json!("shop")));
    assert_eq!(body["source"], json!({ "component": "oom-trace", "host": "node-3" }));
    let said = body["message"].as_str().unwrap();
    assert!(said.starts_with("OOM kill on db1: memhog (pid 157) in "), "{said}");
    assert!(said.ends_with("limit 32.0 MiB of /web: cgroup /web hit its limit"), "{said}");
}

#[test]
fn json_is_the_record_and_says_of_repeats_in_a_key_of_its_own() {
    let bodies = posted("body = \"json\"", "application/json");
    let (_, record) = &fixtures::all()[0];
    let mut whole = serde_json::to_value(record).unwrap();
    assert_eq!(bodies[0].1, whole);
    whole["repeats"] = json!({ "more": 17, "within_ms": 600_000, "place": "cgroup /web" });
    assert_eq!(of(&bodies, "repeats"), &whole);
}

/// What wakes people is no more than what they must know, unless they ask for it.
#[test]
fn a_body_for_people_folds_kills_and_leaves_out_what_is_no_alarm() {
    let choice = |keys: &str| {
        let table = format!("{{ url = \"http://x/\", {keys} }}");
        inline_table::<WebhookConfig>(&table).unwrap().choice()
    };
    let json = choice("body = \"json\"");
    assert_eq!((json.fold, json.filter, json.backfill), (None, Filter::default(), Backfill::Store));
    let slack = choice("body = \"slack\"");
    assert_eq!((slack.fold, slack.filter.types.as_slice()), (Some(FOLD), &FOR_PEOPLE[..]));
    let own = choice(
        "body = \"slack\", fold = \"0s\", filter = { type = [\"agent\"] }, backfill = \"all\"",
    );
    assert_eq!((own.fold, own.backfill), (None, Backfill::All));
    assert_eq!(own.filter.types, [RecordType::Agent]);
    assert_eq!(choice("fold = \"10min\"").fold, Some(FOLD));
    assert_eq!(choice("body = \"alertmanager\"").fold, None);
    let events = choice("body = \"kubernetes\"");
    assert_eq!((events.fold, events.by_pod), (Some(FOLD), true));
}

#[test]
fn a_key_and_the_body_that_it_is_for_go_together() {
    let flaw = |keys: &str| {
        let table = format!("{{ url = \"http://x/\", {keys} }}");
        inline_table::<WebhookConfig>(&table).unwrap().flaw()
    };
    assert!(flaw("body = \"pagerduty\"").unwrap().contains("needs `routing_key`"));
    assert!(flaw("routing_key = \"x\"").unwrap().contains("is for body = \"pagerduty\""));
    assert_eq!(flaw("body = \"pagerduty\", routing_key = { env = \"KEY\" }"), None);
    assert!(flaw("body = \"template\"").unwrap().contains("needs `template`"));
    assert!(flaw("template = \"{title}\"").unwrap().contains("is for body = \"template\""));
    assert_eq!(flaw("body = \"template\", template = \"{title}\""), None);
    assert_eq!(flaw("body = \"slack\""), None);
    assert!(flaw("node = \"a\"").unwrap().contains("is for body = \"kubernetes\""));
    assert_eq!(flaw("body = \"kubernetes\", node = { env = \"NODE_NAME\" }"), None);
}
