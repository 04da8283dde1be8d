//! systemd-journald, in a mount namespace of its own, where it has the paths that it knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use oom_trace::incident::model::Record;
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{self, Line, Process, Receiver, await_that, program, records};

pub(crate) struct Journald {
    dir: TempDir,
    process: Process,
}

impl Journald {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["run", "log"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir, process: Process::default() }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("run/systemd/journal/socket")
    }

    fn entries(&self) -> Vec<BTreeMap<String, Value>> {
        self.shown(&["SYSLOG_IDENTIFIER=oom-trace"])
    }

    /// Those that journalctl(1) selects.
    fn shown(&self, selection: &[&str]) -> Vec<BTreeMap<String, Value>> {
        let dir = self.dir.path().join("run/log/journal");
        let output = Command::new(program("journalctl", "systemd"))
            .args(["-o", "json", "--all", "-D"])
            .arg(dir)
            .args(selection)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Receiver for Journald {
    fn sink(&self) -> String {
        format!("journald:{{ socket = {:?} }}", self.socket())
    }

    fn start(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let script = "mount --bind \"$1/run\" /run && mkdir -p /run/log/journal && exec \"$2\"";
        let mut command = Command::new(program("unshare", "util-linux"));
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(self.dir.path());
        command.arg(program("systemd-journald", "systemd"));
        self.process.start(command.stderr(Stdio::null()));
        await_that("journald", || self.socket().exists());
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn ids(&self) -> Vec<String> {
        let id =
            |entry: BTreeMap<String, Value>| entry["OOM_TRACE_ID"].as_str().unwrap().to_owned();
        self.entries().into_iter().map(id).collect()
    }
}

#[test]
fn up() {
    bench::up(Journald::new());
}

#[test]
fn down_at_start() {
    bench::down_at_start(Journald::new());
}

#[test]
fn the_journal_has_the_fields() {
    let mut journald = Journald::new();
    journald.start();
    let line = Line::to(&journald.sink());
    // A service's, and one of the same name that is a container's own.
    let paths = ["/system.slice/app.service", "/lxc.payload.web/system.slice/app.service"];
    let records: Vec<_> =
        records(2).iter().zip(paths).map(|(record, path)| in_cgroup(record, path)).collect();
    line.send(&records);
    await_that("the entries", || journald.entries().len() == 2);
    let entry = journald.entries().remove(0);
    let record = serde_json::to_value(&*records[0]).unwrap();
    let victim = &record["victim"];
    for (field, value) in [
        ("OOM_TRACE_ID", record["id"].clone()),
        ("OOM_TRACE_INCIDENT", record["incident"].clone()),
        ("OOM_TRACE_VICTIM_PID", Value::from(victim["pid"].to_string())),
        ("OOM_TRACE_VICTIM_COMM", victim["comm"].clone()),
        ("OOM_TRACE_TYPE", "oom_kill".into()),
        ("PRIORITY", "2".into()),
    ] {
        assert_eq!(entry[field], value, "{field}");
    }
    let json: Value = serde_json::from_str(entry["OOM_TRACE_JSON"].as_str().unwrap()).unwrap();
    assert_eq!(json, record);
    // Where one looks for what became of a service.
    let ids = |unit: &str| {
        let shown = journald.shown(&["-u", unit]);
        shown.iter().map(|it| it["OOM_TRACE_ID"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("app.service"), [record["id"].as_str().unwrap()]);
    assert_eq!(ids("other.service"), [""; 0]);
    let id = entry["MESSAGE_ID"].as_str().unwrap();
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/journal/oom-trace.catalog");
    assert!(std::fs::read_to_string(catalog).unwrap().contains(&format!("-- {id}\n")));
    assert_eq!(line.close().lost(), 0);
}

fn in_cgroup(record: &Record, path: &str) -> Arc<Record> {
    let Record::OomKill(mut kill) = record.clone() else { panic!("{record:?}") };
    kill.victim.cgroup.as_mut().unwrap().path = path.into();
    Arc::new(Record::OomKill(kill))
}

#[test]
fn asleep() {
    bench::asleep(Journald::new());
}
