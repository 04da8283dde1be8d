//! What is written, its JSON Schema and `docs/events.md` name the same keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::fixtures;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../docs/schema/oom-trace-1.schema.json")).unwrap()
});
static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).unwrap());

const DOCS: &str = include_str!("../../../docs/events.md");

/// The section of the keys that all records share.
const SHARED: &str = "Every record";
const TYPES: [&str; 6] = ["oom_kill", "oom_panic", "oom_failed", "user_kill", "agent", "oom_exit"];

/// Objects whose keys are the kernel's names.
const MAPS: [&str; 2] = ["stat", "counters"];

/// Saved logs alone have it.
const OF_LOGS: &str = "time_guessed";

/// Each key by its path, such as `candidates.top[].pid`, and whether it may be `null`.
type Keys = BTreeMap<String, bool>;

fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn pointer(reference: &str) -> &'static Value {
    SCHEMA.pointer(reference.strip_prefix('#').unwrap()).unwrap()
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["anyOf"].as_array().into_iter().flatten()
}

fn may_be_null(schema: &Value) -> bool {
    let named = |list: &Value, null| list.as_array().is_some_and(|list| list.contains(&null));
    schema["type"] == "null"
        || named(&schema["type"], Value::from("null"))
        || named(&schema["enum"], Value::Null)
        || alternatives(schema).any(may_be_null)
        || schema["$ref"].as_str().is_some_and(|name| may_be_null(pointer(name)))
}

/// What the schema names. What refers to itself is entered once.
fn named<'a>(schema: &'a Value, path: &str, open: &mut Vec<&'a str>, keys: &mut Keys) {
    if let Some(name) = schema["$ref"].as_str().filter(|name| !open.contains(name)) {
        open.push(name);
        named(pointer(name), path, open, keys);
        open.pop();
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = child(path, key);
        named(schema, &path, open, keys);
        keys.insert(path, may_be_null(schema));
    }
    if let Some(items) = schema.get("items") {
        named(items, &format!("{path}[]"), open, keys);
    }
    for schema in alternatives(schema) {
        named(schema, path, open, keys);
    }
}

fn in_schema(kind: &str) -> Keys {
    let mut keys = Keys::new();
    let reference = format!("#/$defs/{kind}");
    named(pointer(&reference), "", &mut vec![&reference], &mut keys);
    keys
}

/// The keys of a record, and those of them that have a value. The ancestors of a limit have the
/// keys of a limit.
fn written(value: &Value, path: &str, keys: &mut BTreeSet<String>, filled: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = child(path, key);
                let name = path.replace("ancestors[].", "");
                if !value.is_null() {
                    filled.insert(name.clone());
                }
                keys.insert(name);
                if !MAPS.contains(&key.as_str()) {
                    written(value, &path, keys, filled);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                written(item, &format!("{path}[]"), keys, filled);
            }
        }
        _ => {}
    }
}

fn records() -> impl Iterator<Item = (&'static str, Value)> {
    fixtures::all().into_iter().map(|(name, record)| (name, serde_json::to_value(record).unwrap()))
}

/// The headings of the documentation, each with the rows of the tables beneath it.
fn sections() -> impl Iterator<Item = (&'static str, Vec<Vec<&'static str>>)> {
    DOCS.split("\n## ").map(|section| {
        let rows = section.lines().filter(|line| line.starts_with("| "));
        let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect());
        (section.lines().next().unwrap().trim_matches('`'), cells.collect())
    })
}

/// What a section names in code in the first columns of its tables, and whether the last says that
/// it may be `null`.
fn in_docs(heading: &str) -> Keys {
    let (_, rows) = sections().find(|(name, _)| *name == heading).unwrap();
    let mut keys = Keys::new();
    for row in rows {
        for name in row[0].split('`').skip(1).step_by(2) {
            let before = keys.insert(name.to_owned(), row[row.len() - 1] != "never");
            assert_eq!(before, None, "{heading}: {name} is there twice");
        }
    }
    keys
}

#[test]
fn every_golden_record_is_valid() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/golden");
    let mut seen = 0;
    for entry in fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let errors: Vec<_> = VALIDATOR.iter_errors(&record).map(|it| it.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, fixtures::all().len());
}

#[test]
fn a_record_that_lacks_a_key_is_not_valid_and_one_with_more_keys_is() {
    for (name, record) in records() {
        for pointer in objects(&record, String::new()) {
            let members = record.pointer(&pointer).unwrap().as_object().unwrap();
            for key in members.keys() {
                let mut record = record.clone();
                let object = record.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
                let value = object.remove(key).unwrap();
                assert!(!VALIDATOR.is_valid(&record), "{name}: {pointer}/{key}");
                let object = record.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
                object.insert(key.clone(), value);
                object.insert("a_later_key".to_owned(), Value::from(1));
                assert!(VALIDATOR.is_valid(&record), "{name}: {pointer}");
            }
        }
    }
}

/// Where the objects in a value are.
fn objects(value: &Value, at: String) -> Vec<String> {
    if MAPS.iter().any(|map| at.ends_with(&format!("/{map}"))) {
        return Vec::new();
    }
    let inside: Vec<_> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => (0..).map(|index: u32| index.to_string()).zip(items).collect(),
        _ => return Vec::new(),
    };
    let deeper = inside.iter().flat_map(|(key, value)| objects(value, format!("{at}/{key}")));
    let deeper: Vec<_> = deeper.collect();
    value.is_object().then_some(at).into_iter().chain(deeper).collect()
}

#[test]
fn the_schema_names_what_is_written_and_nothing_else() {
    for kind in TYPES {
        let (mut keys, mut filled) = (BTreeSet::new(), BTreeSet::new());
        for (_, record) in records().filter(|(_, record)| record["type"] == kind) {
            written(&record, "", &mut keys, &mut filled);
        }
        let schema: BTreeSet<_> = in_schema(kind).into_keys().collect();
        assert_eq!(keys, schema, "{kind}");
        filled.insert(OF_LOGS.to_owned());
        assert_eq!(filled, schema, "{kind}: some key has a value in no fixture");
    }
}

#[test]
fn what_may_be_null_is_null_in_a_record_and_valid() {
    for (kind, least) in [
        ("oom_kill", "unknown"),
        ("oom_panic", "panic_unknown"),
        ("oom_failed", "failed_unknown"),
        ("user_kill", "user_kill_unknown"),
        ("oom_exit", "exit_unknown"),
    ] {
        let (_, unknown) = records().find(|(name, _)| *name == least).unwrap();
        let (mut keys, mut filled) = (BTreeSet::new(), BTreeSet::new());
        written(&unknown, "", &mut keys, &mut filled);
        let schema = in_schema(kind);
        for key in keys {
            assert_eq!(!filled.contains(&key), schema[&key], "{kind}: {key}");
        }
    }
}

#[test]
fn the_documentation_names_what_the_schema_names_and_nothing_else() {
    for kind in TYPES {
        let mut documented = in_docs(SHARED);
        for (key, null) in in_docs(kind) {
            assert_eq!(documented.insert(key.clone(), null), None, "{key} is there twice");
        }
        let schema = in_schema(kind);
        if kind == "oom_panic" || kind == "oom_failed" {
            // It has the shortage of a kill, which is documented there.
            for (key, null) in in_docs("oom_kill") {
                if schema.contains_key(&key) {
                    documented.entry(key).or_insert(null);
                }
            }
        }
        assert_eq!(documented, schema, "{kind}");
    }
    for (heading, rows) in sections() {
        let known = heading == SHARED || TYPES.contains(&heading);
        assert!(known || rows.is_empty(), "{heading} has a table that nothing checks");
    }
}
