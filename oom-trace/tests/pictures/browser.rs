//! Headless Chromium, and what it makes of a report's page.

use std::path::{Path, PathBuf};
use std::process::Command;

use oom_trace::incident::model::Record;
use serde_json::Value;

use crate::{fleet, jsonl, report};

/// A program, or what to do about it: a missing browser is a failure, never a page that is fine.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|it| it.exists());
    found.unwrap_or_else(|| {
        panic!("no {name} here: `cargo xtask pictures` installs it, or: apt install {package}")
    })
}

fn tools() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/browser");
    let is_there =
        ["playwright-core", "axe-core"].map(|it| tools.join("node_modules").join(it).exists());
    assert_eq!(is_there, [true; 2], "no {}: `cargo xtask pictures` fetches it", tools.display());
    tools.canonicalize().unwrap()
}

/// Has the browser do this with the page.
pub(crate) fn browse(task: &str, page: &Path, args: &[&Path]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/browser.mjs");
    let mut node = Command::new(program("node", "nodejs"));
    node.arg(script).arg(task).arg(tools()).arg(program("chromium", "chromium"));
    let output = node.arg(page).args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{task}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

/// It loads nothing, runs nothing but its own script, sorts and searches, fits each screen, reads
/// without a script, and is for everyone.
fn is_sound(records: &[Record]) {
    let folder = tempfile::tempdir().unwrap();
    jsonl(records, &folder.path().join("fleet.jsonl"));
    let page = folder.path().join("page.html");
    report(&["--utc", "--html", "page.html", "fleet.jsonl"], folder.path());
    let kills = records.iter().filter(|record| matches!(record, Record::OomKill(_))).count();
    let seen = browse("check", &page, &[]);
    let none: [Value; 0] = [];
    assert_eq!(seen["events"].as_array().unwrap(), &none, "{seen:#}");
    assert_eq!(seen["violations"].as_array().unwrap(), &none, "{seen:#}");
    assert_eq!(seen["wide"].as_array().unwrap(), &none, "{seen:#}");
    assert_eq!(seen["cut"].as_array().unwrap(), &none, "{seen:#}");
    assert_eq!(seen["cramped"].as_array().unwrap(), &none, "{seen:#}");
    assert_eq!(seen["sorts"], true, "{seen:#}");
    assert_eq!((&seen["rows"], &seen["without"]), (&kills.into(), &kills.into()), "{seen:#}");
    assert_eq!((&seen["articles"], &seen["form"]), (&kills.into(), &0.into()), "{seen:#}");
    assert_eq!(
        (&seen["found"]["none"], &seen["found"]["all"]),
        (&0.into(), &kills.into()),
        "{seen:#}"
    );
    // It was truly looked at.
    for contrasts in seen["examined"].as_object().unwrap().values() {
        assert!(contrasts.as_u64().unwrap() > 100, "{seen:#}");
    }
}

#[test]
#[ignore = "takes a browser: `cargo xtask pictures`"]
fn a_page_of_a_fleet_is_sound_in_a_browser() {
    is_sound(&fleet::records());
}

#[test]
#[ignore = "takes a browser: `cargo xtask pictures`"]
fn a_page_of_hostile_names_is_sound_in_a_browser() {
    is_sound(&fleet::hostile());
}
