//! Prometheus, which scrapes, and promtool, which judges.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bench::{Line, Process, await_that, free_port, program, records};

fn get(url: &str) -> Option<String> {
    ureq::get(url).call().ok()?.body_mut().read_to_string().ok()
}

/// What promtool objects to.
fn judged(metrics: &str) -> String {
    let mut promtool = Command::new(program("promtool", "prometheus"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(output.status.success(), said.is_empty());
    String::from_utf8(said).unwrap()
}

#[test]
fn promtool_has_no_objection() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom-trace.prom");
    let port = free_port();
    let scraped = Line::to(&format!("prometheus:{{ listen = \"127.0.0.1:{port}\" }}"));
    let written = Line::to(&format!("textfile:{{ path = {path:?} }}"));
    for line in [&scraped, &written] {
        line.send(&records(3));
        await_that("three records", || line.totals().delivered == 3);
    }
    let answered = get(&format!("http://127.0.0.1:{port}/metrics")).unwrap();
    for metrics in [answered, fs::read_to_string(&path).unwrap()] {
        assert!(metrics.contains("outcome=\"killed\"} 3\n"), "{metrics}");
        assert_eq!(judged(&metrics), "", "{metrics}");
    }
    // It can object.
    assert_ne!(judged("oom_trace_kills 1\n"), "");
}

#[test]
fn prometheus_has_the_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (port, own) = (free_port(), free_port());
    let line = Line::to(&format!("prometheus:{{ listen = \"127.0.0.1:{port}\" }}"));
    let config = dir.path().join("prometheus.yml");
    fs::write(
        &config,
        format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: oom-trace\n    \
             static_configs:\n      - targets: [\"127.0.0.1:{port}\"]\n"
        ),
    )
    .unwrap();
    let mut server = Process::default();
    server.start(
        Command::new(program("prometheus", "prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .stderr(Stdio::null()),
    );
    line.send(&records(5));
    let value = |query: &str| {
        let text = get(&format!("http://127.0.0.1:{own}/api/v1/query?query={query}"))?;
        let answer: Value = serde_json::from_str(&text).unwrap();
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    };
    await_that("five kills", || value("sum(oom_trace_kills_total)").as_deref() == Some("5"));
    await_that("the sink", || {
        value("sum(oom_trace_sink_delivered_records_total)").as_deref() == Some("5")
    });
    assert_eq!(value("oom_trace_sink_waiting_records").as_deref(), Some("0"));
    assert_eq!(value("up").as_deref(), Some("1"));
}

/// A node exporter that reads the textfile's folder exports what is in it, as the agent wrote it.
#[test]
fn the_node_exporter_passes_the_textfile_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom-trace.prom");
    let line = Line::to(&format!("textfile:{{ path = {path:?} }}"));
    line.send(&records(3));
    await_that("three records", || line.totals().delivered == 3);
    let port = free_port();
    let mut exporter = Process::default();
    let mut command = Command::new(program("prometheus-node-exporter", "prometheus-node-exporter"));
    command.args(["--collector.disable-defaults", "--collector.textfile"]);
    command.arg(format!("--collector.textfile.directory={}", dir.path().display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).stderr(Stdio::null());
    exporter.start(&mut command);
    let url = format!("http://127.0.0.1:{port}/metrics");
    await_that("the exporter", || get(&url).is_some());
    let exported = get(&url).unwrap();
    assert!(exported.contains("node_textfile_scrape_error 0\n"), "{exported}");
    // Labels have no order, and neither have samples.
    let kills = |metrics: &str| -> BTreeSet<String> {
        let samples =
            metrics.lines().filter_map(|line| line.strip_prefix("oom_trace_kills_total{"));
        let sorted = samples.map(|sample| {
            let (labels, value) = sample.split_once("} ").unwrap();
            let labels: BTreeSet<_> = labels.split(',').collect();
            format!("{labels:?} {value}")
        });
        sorted.collect()
    };
    let written = kills(&fs::read_to_string(&path).unwrap());
    assert!(written.iter().any(|line| line.ends_with("} 3")), "{written:?}");
    assert_eq!(kills(&exported), written);
}
