//! What people see: the pictures in docs/, and the page in a browser. `cargo xtask pictures` draws them anew.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "a test fails so")]

mod browser;
mod fleet;
mod svg;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use oom_trace::incident::model::Record;
use oom_trace::setting::{ByteSize, ConfigDuration};
use oom_trace::store::{Retention, Store};

use crate::browser::{browse, program};
use crate::terminal::Terminal;

/// The terminals that are drawn.
const COLUMNS: [u16; 2] = [80, 120];

/// A picture's name, what it shows, and what is typed for it.
const PICTURES: [(&str, &str, &[&str]); 4] = [
    (
        "history",
        "oom-trace history: a table of kills",
        &["oom-trace history --utc records.db -n 12"],
    ),
    (
        "kill",
        "One kill as oom-trace tells of it",
        &["oom-trace history --utc records.db -n 1 --format text"],
    ),
    ("report", "oom-trace report: kills summed up", &["oom-trace report --utc records.db"]),
    (
        "verify",
        "oom-trace verify: proof that nothing was killed, and a kill",
        &[
            "oom-trace verify --utc records.db --since 2026-11-20 --until 2026-11-21 --unit nginx",
            "oom-trace verify --utc records.db --since 2026-11-20 --until 2026-11-21 --unit shop",
        ],
    ),
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures")
}

fn is_drawn_anew() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Writes records as `--format json` does.
fn jsonl(records: &[Record], path: &Path) {
    let lines = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n");
    fs::write(path, lines.collect::<String>()).unwrap();
}

/// A store as an agent would have kept it.
fn store(records: Vec<Record>, path: &Path) {
    let retention = Retention {
        max_age: ConfigDuration(Duration::from_secs(100 * 365 * 86_400)),
        max_bytes: ByteSize(1 << 30),
    };
    let records: Vec<_> = records.into_iter().map(Arc::new).collect();
    Store::open(path, &retention).unwrap().save(1, &records, &[]).unwrap();
}

/// Runs `oom-trace report`.
fn report(args: &[&str], folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
    let output = command.arg("report").args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The committed picture, or a new one in its place.
fn is_in_the_docs(name: &str, picture: &str) {
    let path = docs().join(name);
    if is_drawn_anew() {
        fs::create_dir_all(docs()).unwrap();
        fs::write(&path, picture).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == picture,
        "docs/pictures/{name} differs: `cargo xtask pictures` draws it anew"
    );
}

#[test]
fn terminals_show_what_the_docs_do() {
    let folder = tempfile::tempdir().unwrap();
    store(fleet::records(), &folder.path().join("records.db"));
    for (name, title, lines) in PICTURES {
        for columns in COLUMNS {
            let mut terminal = Terminal::new(columns);
            for line in lines {
                terminal.run(line, folder.path());
            }
            is_in_the_docs(&format!("{name}-{columns}.svg"), &svg::draw(&terminal, title));
        }
    }
}

/// What the view draws is told by a test of its own (`top::view`).
#[test]
fn the_live_view_is_what_the_docs_show() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let golden = format!("src/top/view/golden/{columns}x{rows}.ansi");
        let drawn = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden)).unwrap();
        let mut terminal = Terminal::new(columns);
        terminal.show(&drawn);
        let picture = svg::draw(&terminal, "oom-trace top: limits, who would die next, kills");
        is_in_the_docs(&format!("top-{columns}.svg"), &picture);
    }
}

/// A browser's next version draws letters another way: these are drawn anew only when asked for.
#[test]
#[ignore = "takes a browser: `cargo xtask pictures`"]
fn the_page_is_drawn() {
    assert!(is_drawn_anew(), "it writes to docs/pictures, where UPDATE_GOLDEN is set");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    jsonl(&fleet::records(), &at("fleet.jsonl"));
    report(&["--utc", "--html", "page.html", "fleet.jsonl"], folder.path());
    let page = fs::read_to_string(at("page.html")).unwrap();
    let (_, anchor) = page.split_once("<article id=\"").unwrap();
    let (anchor, _) = anchor.split_once('"').unwrap();
    browse("shoot", &at("page.html"), &[Path::new(anchor), folder.path()]);
    let mut pages = Command::new(program("pdftoppm", "poppler-utils"));
    pages.args(["-png", "-r", "72", "-f", "1", "-l", "1", "-singlefile"]);
    assert!(pages.arg(at("report.pdf")).arg(at("report-printed")).status().unwrap().success());
    for name in ["wide", "dark", "narrow", "narrow-incident", "printed"] {
        let name = format!("report-{name}.png");
        let mut palette = Command::new(program("pngquant", "pngquant"));
        palette.args(["--force", "--strip", "--speed=1", "64", "--output"]);
        assert!(palette.arg(docs().join(&name)).arg(at(&name)).status().unwrap().success());
    }
}
