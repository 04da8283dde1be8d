//! What it takes to look at what was kept: a page of many incidents, and the list of a large store. Measured
//! here, not in a guest: no browser is there, and no room.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xtask::measure::Quantity::{
    HistoryPeak, HistoryTime, NewestPeak, NewestTime, PageBytes, PageLoaded, PagePeak, PageTime,
    TopLoad,
};
use xtask::measure::Subject::{EmptyPage, OomTrace, Python, Sqlite};
use xtask::measure::{Series, Sheet, median};

use crate::artifacts::{self, Binary};
use crate::setup::{browser, tools};
use crate::sh::{self, say};

const ROUNDS: usize = 3;

const PROGRAMS: &[(&str, &str)] =
    &[("sqlite3", "sqlite3"), ("python3", "python3"), ("time", "time")];

/// The test that lays the inputs, and by what it is told where.
const LAYS: &str = "large::lays_large_inputs";
const WHERE: &str = "OOM_TRACE_LARGE";

/// The test that watches the live view, and by what it is told where to answer.
const WATCHES: &str = "cost::measures_five_hundred_cgroups";
const ANSWER: &str = "OOM_TRACE_COST";

/// As large as any page that does nothing.
const EMPTY: &str = "<!doctype html><html lang=\"en\"><title>Empty</title><p>Nothing.</p></html>\n";

/// Reads each record whole, as every reader of the store does.
const READ_ALL: &str = "SELECT sum(length(coalesce(json_patch((SELECT json FROM incidents \
                        WHERE number = records.incident), json), json))) FROM records";

const PARSE_ALL: &str = "import json, sys\nfor line in open(sys.argv[1]): json.loads(line)";

/// Measures all rows of `rows::KEPT`.
pub(super) fn measure() -> Result<Vec<Series>> {
    browser::install()?;
    tools::programs(PROGRAMS)?;
    let agent = artifacts::build(Binary::AGENT)?;
    let agent = agent.to_str().context("the agent's path is not UTF-8")?;
    let folder = tempfile::tempdir_in(sh::root().join("target"))?;
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    say("bench: laying the records");
    test("history", LAYS, WHERE, folder.path())?;
    fs::write(at("empty.html"), EMPTY)?;
    let (lines, store, page) = (at("fleet.jsonl"), at("records.db"), at("page.html"));
    let mut sheet = Sheet::default();
    for _ in 0..ROUNDS {
        let taken = run(folder.path(), &[agent, "report", "--utc", "--html", &page, &lines])?;
        sheet.note(PageTime, OomTrace, taken.nanos);
        sheet.note(PagePeak, OomTrace, taken.peak);
        sheet.note(PageBytes, OomTrace, bytes(&page)?);
        let taken = run(folder.path(), &["python3", "-c", PARSE_ALL, &lines])?;
        sheet.note(PageTime, Python, taken.nanos);
        sheet.note(PagePeak, Python, taken.peak);
        for (subject, page) in [(OomTrace, &page), (EmptyPage, &at("empty.html"))] {
            sheet.note(PageLoaded, subject, loaded(page)?);
        }
        let all = [agent, "history", "--utc", "--table", &store];
        let newest = [agent, "history", "--utc", "--table", "-n", "20", &store];
        let others = ["sqlite3", "-readonly", &store, READ_ALL];
        for (time, peak, subject, command) in [
            (HistoryTime, HistoryPeak, OomTrace, &all[..]),
            (NewestTime, NewestPeak, OomTrace, &newest),
            (HistoryTime, HistoryPeak, Sqlite, &others),
        ] {
            let taken = run(folder.path(), command)?;
            sheet.note(time, subject, taken.nanos);
            sheet.note(peak, subject, taken.peak);
            if subject == Sqlite {
                // It reads all for the list of the newest as well.
                sheet.note(NewestTime, subject, taken.nanos);
            }
        }
        let answer = folder.path().join("cost");
        test("top", WATCHES, ANSWER, &answer)?;
        let hundredths = fs::read_to_string(&answer)?;
        sheet.note(TopLoad, OomTrace, hundredths.parse().context("not a number")?);
    }
    Ok(sheet.0)
}

/// Runs a test of ours that does what is asked, in a release build: `name` says to it where.
fn test(binary: &str, test: &str, name: &str, place: &Path) -> Result<()> {
    let mut cargo = sh::cargo(&["test", "--release", "--package=oom-trace", "--test", binary]);
    cargo.args(["--", "--exact", test, "--ignored"]).env(name, place);
    sh::run(&mut cargo)
}

/// What a command took.
struct Taken {
    nanos: f64,
    /// The most it ever had resident, in bytes.
    peak: f64,
}

fn run(folder: &Path, command: &[&str]) -> Result<Taken> {
    let told = folder.join("peak");
    let mut time = Command::new("time");
    time.args(["--format=%M", "--output"]).arg(&told).args(command);
    let begin = Instant::now();
    let status = time.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let nanos = begin.elapsed().as_secs_f64() * 1e9;
    ensure!(status.success(), "{}: {status}", command.join(" "));
    let kib: f64 = fs::read_to_string(told)?.trim().parse().context("not what time(1) prints")?;
    Ok(Taken { nanos, peak: kib * 1024.0 })
}

#[expect(clippy::cast_precision_loss, reason = "far below what a float holds exactly")]
fn bytes(path: &str) -> Result<f64> {
    Ok(fs::metadata(path)?.len() as f64)
}

/// From asking a browser for the page until it is laid out; of some times the middle one, in ns.
fn loaded(page: &str) -> Result<f64> {
    let script = sh::root().join("oom-trace/tests/pictures/browser.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg("time").arg(sh::tools().join("browser"));
    node.arg(which::which("chromium")?).arg(page);
    let told: Value = serde_json::from_str(&sh::output(&mut node)?)?;
    let rounds =
        told.get("rounds").and_then(Value::as_array).context("the browser told nothing")?;
    let millis = rounds.iter().filter_map(Value::as_f64).collect();
    let middle: f64 = median(millis).context("the browser measured nothing")?;
    Ok(middle * 1e6)
}
