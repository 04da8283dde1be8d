//! Bodies for services, posted to a server that refuses at first: what arrives in the end, once the sink
//! is closed.

use std::fs;

use serde_json::Value;

use crate::bench::{Line, Receiver as _, await_that, records};
use crate::dist::validated;
use crate::webhook::Http;

const KILLS: usize = 20;

/// What the server has written down of so many kills at one place.
fn posted(keys: &str) -> Vec<Value> {
    let mut server = Http::new();
    server.start();
    fs::write(server.path("refusing"), "").unwrap();
    let sink = server.sink().replace(" }", &format!(", {keys} }}"));
    let line = Line::to(&sink);
    line.send(&records(KILLS));
    await_that("a refusal", || line.totals().last_error.is_some_and(|error| error.contains("503")));
    fs::remove_file(server.path("refusing")).unwrap();
    let totals = line.close();
    assert_eq!((totals.delivered, totals.lost()), (KILLS as u64, 0), "{totals:?}");
    let text = fs::read_to_string(server.path("bodies")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The titles of what folds: the first kill, and how many more there were.
fn assert_folded(titles: [&str; 2]) {
    assert!(titles[0].starts_with("OOM kill: memhog "), "{titles:?}");
    let (more, last) = titles[1].split_once(" at cgroup ").unwrap();
    assert!(more.starts_with(&format!("{} more in ", KILLS - 1)), "{titles:?}");
    assert!(last.contains("; the last: OOM kill: memhog "), "{titles:?}");
}

#[test]
fn slack() {
    let [first, more] = posted("body = \"slack\"").try_into().unwrap();
    assert_folded([&first, &more].map(|body: &Value| body["text"].as_str().unwrap()));
}

#[test]
fn teams() {
    let [first, more] = posted("body = \"teams\"").try_into().unwrap();
    let title = |body: &Value| {
        let card = &body["attachments"][0]["content"];
        card["body"][0]["inlines"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_folded([&title(&first), &title(&more)]);
}

#[test]
fn pagerduty() {
    let keys = "body = \"pagerduty\", routing_key = \"abc\"";
    let [first, more] = posted(keys).try_into().unwrap();
    assert_folded([&first, &more].map(|body: &Value| body["payload"]["summary"].as_str().unwrap()));
    assert_eq!(first["dedup_key"], more["dedup_key"]);
    assert_eq!(first["routing_key"], "abc");
}

#[test]
fn alertmanager() {
    let bodies = posted("body = \"alertmanager\"");
    assert_eq!(bodies.len(), KILLS);
    assert!(bodies.iter().all(|body| body[0]["labels"] == bodies[0][0]["labels"]));
}

#[test]
fn cloudevents() {
    let ids: Vec<_> =
        posted("body = \"cloudevents\"").iter().map(|body| body["id"].clone()).collect();
    let expected: Vec<_> = records(KILLS).iter().map(|record| Value::from(record.id())).collect();
    assert_eq!(ids, expected);
}

/// Of a node's and of a pod's, by the schemas that Kubernetes publishes; one that it would not take is seen.
#[test]
fn kubernetes() {
    let bodies = posted("body = \"kubernetes\"");
    let titles = [&bodies[0], &bodies[1]].map(|body| body["message"].as_str().unwrap());
    assert_folded(titles);
    assert_eq!((bodies.len(), &bodies[1]["count"]), (2, &(KILLS - 1).into()));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.yaml");
    let is_taken = |event: &Value| {
        fs::write(&path, event.to_string()).unwrap();
        validated(&path)
    };
    assert!(is_taken(&bodies[0]) && is_taken(&bodies[1]));
    let mut pod = bodies[0].clone();
    pod["involvedObject"]["namespace"] = "shop".into();
    pod["involvedObject"]["fieldPath"] = "spec.containers{web}".into();
    assert!(is_taken(&pod));
    let mut wrong = bodies[0].clone();
    wrong["involvedobject"] = wrong["involvedObject"].take();
    assert!(!is_taken(&wrong));
    wrong = bodies[0].clone();
    wrong["count"] = "one".into();
    assert!(!is_taken(&wrong));
}

#[test]
fn template() {
    let keys = "body = \"template\", template = { text = \"{title}\", more = \"{more}\" }";
    let [first, more] = posted(keys).try_into().unwrap();
    assert_folded([&first, &more].map(|body: &Value| body["text"].as_str().unwrap()));
    assert_eq!((&first["more"], &more["more"]), (&0.into(), &(KILLS - 1).into()));
}

#[test]
fn json_folded_on_request() {
    let [first, more] = posted("fold = \"10min\"").try_into().unwrap();
    let records = records(KILLS);
    assert_eq!((&first["id"], &first["repeats"]), (&records[0].id().into(), &Value::Null));
    assert_eq!(more["id"], records[KILLS - 1].id());
    assert_eq!(more["repeats"]["more"], KILLS - 1);
}
