//! What is in `dist/`, as far as a program here can judge it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oom_trace::config::ConfigFile;

use crate::bench::{Line, await_that, program, records};

fn dist(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(name)
}

fn passes(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// As it is, and with all that is commented out.
#[test]
fn the_configuration_can_be_read() {
    let text = fs::read_to_string(dist("config.toml")).unwrap();
    ConfigFile::read(&dist("config.toml")).unwrap();
    let is_key = |line: &str| line.starts_with("[[") || line.contains(" = ");
    let whole: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, &whole).unwrap();
    ConfigFile::read(&path).unwrap_or_else(|error| panic!("{error}\n{whole}"));
    for kind in oom_trace::sink::KINDS {
        assert!(whole.contains(&format!("[[sink.{kind}]]")), "{kind}");
    }
}

#[test]
fn the_alerts_alert_and_name_what_the_agent_exports() {
    let promtool = program("promtool", "prometheus");
    passes(Command::new(&promtool).args(["check", "rules"]).arg(dist("prometheus/alerts.yml")));
    passes(Command::new(&promtool).args(["test", "rules"]).arg(dist("prometheus/alerts_test.yml")));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom-trace.prom");
    let line = Line::to(&format!("textfile:{{ path = {path:?} }}"));
    line.send(&records(1));
    await_that("a record", || line.totals().delivered == 1);
    let metrics = fs::read_to_string(&path).unwrap();
    let alerts = fs::read_to_string(dist("prometheus/alerts.yml")).unwrap();
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = alerts.split(|character| !is_name(character));
    let named: BTreeSet<_> = words.filter(|word| word.starts_with("oom_trace_")).collect();
    assert!(named.len() > 4, "{named:?}");
    for name in named {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name}: {metrics}");
    }
}

#[test]
fn logrotate_understands_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("logrotate", "logrotate"));
    command.arg("--debug").arg("--state").arg(dir.path().join("state"));
    passes(command.arg(dist("logrotate/oom-trace")));
}
