//! A thousand kills, with every sink on, while the collector is killed twice and the agent once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::Value;

use crate::bench::{Process, Receiver, await_that, free_port, ids_of_lines};
use crate::here::trigger;
use crate::journald::Journald;
use crate::rotel::{Protocol, Rotel};
use crate::rsyslog::{Rsyslog, Way};
use crate::support::agent::oom_trace;
use crate::webhook::Http;

const KILLS: usize = 1000;

/// Who does what before which kill.
const COLLECTOR_DIES: [usize; 2] = [200, 600];
const COLLECTOR_RETURNS: [usize; 2] = [300, 700];
const AGENT_DIES: usize = 400;
const AGENT_RETURNS: usize = 450;

fn start_agent(agent: &mut Process, dir: &Path, args: &[String]) {
    let said = dir.join("said");
    let before = fs::read_to_string(&said).unwrap_or_default().matches("attached by").count();
    let log = OpenOptions::new().append(true).create(true).open(&said).unwrap();
    agent.start(oom_trace(&[]).args(args).stdout(Stdio::null()).stderr(log));
    await_that("the agent", || {
        fs::read_to_string(&said).unwrap().matches("attached by").count() > before
    });
}

fn victim(record: &Value) -> u64 {
    record["victim"]["tid"].as_u64().unwrap()
}

#[test]
fn every_kill_reaches_every_destination_and_is_stored_once() {
    // Numbers of threads come round; the clock of the kernel's log is not steered.
    let since = format!("--since={}", Timestamp::now() - SignedDuration::from_mins(1));
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let script = path("script");
    fs::write(&script, format!("#!/bin/sh\ncat >> {}\n", path("exec.json").display())).unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();

    let mut rotel = Rotel::new(Protocol::Grpc);
    let mut syslog = Rsyslog::new(Way::Tcp);
    let mut journald = Journald::new();
    let mut http = Http::new();
    let receivers: [&mut dyn Receiver; 4] = [&mut rotel, &mut syslog, &mut journald, &mut http];
    let mut args = vec!["--format=json".to_owned()];
    for receiver in receivers {
        receiver.start();
        args.push(format!("--sink={}", receiver.sink()));
    }
    args.extend([
        format!("--store={}", path("records.db").display()),
        format!("--output={}", path("file.json").display()),
        format!("--sink=exec:{{ command = [{script:?}], backfill = \"all\" }}"),
        format!("--sink=prometheus:{{ listen = \"127.0.0.1:{}\" }}", free_port()),
        format!("--sink=textfile:{{ path = {:?} }}", path("oom-trace.prom")),
    ]);

    let mut agent = Process::default();
    start_agent(&mut agent, dir.path(), &args);
    let mut ours = BTreeSet::new();
    for number in 0..KILLS {
        if COLLECTOR_DIES.contains(&number) {
            rotel.kill();
        }
        if COLLECTOR_RETURNS.contains(&number) {
            rotel.start();
        }
        if number == AGENT_DIES {
            agent.end(Signal::KILL);
        }
        if number == AGENT_RETURNS {
            start_agent(&mut agent, dir.path(), &args);
        }
        ours.insert(trigger());
    }

    let all_in = |ids: Vec<String>, wanted: &BTreeSet<String>| {
        let got: BTreeSet<_> = ids.into_iter().collect();
        wanted.is_subset(&got)
    };
    let stored = || -> Vec<Value> {
        let mut history = oom_trace(&["history", "--format=json", &since]);
        history.arg(path("records.db"));
        let output = history.stderr(File::create("/dev/null").unwrap()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|record: &Value| record["type"] == "oom_kill").collect()
    };
    // The machine's other kills, of which the log tells, are in it as well.
    await_that("every kill in the store", || {
        let stored: BTreeSet<_> = stored().iter().map(victim).collect();
        ours.is_subset(&stored)
    });
    let records = stored();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for record in &records {
        *counts.entry(victim(record)).or_default() += 1;
    }
    counts.retain(|tid, count| ours.contains(tid) && *count != 1);
    assert!(counts.is_empty(), "victims, and how often they are in the store: {counts:?}");
    let backfilled = records
        .iter()
        .filter(|record| ours.contains(&victim(record)) && record["source"] == "kernel_log");
    assert!(backfilled.count() >= AGENT_RETURNS - AGENT_DIES);

    let wanted: BTreeSet<_> =
        records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    await_that("all in the file", || all_in(ids_of_lines(&path("file.json")), &wanted));
    await_that("all with the command", || all_in(ids_of_lines(&path("exec.json")), &wanted));
    await_that("all in the collector", || all_in(rotel.ids(), &wanted));
    await_that("all in rsyslog", || all_in(syslog.ids(), &wanted));
    await_that("all in the journal", || all_in(journald.ids(), &wanted));
    await_that("all posted", || all_in(http.ids(), &wanted));
    agent.end(Signal::TERM);
    let metrics = fs::read_to_string(path("oom-trace.prom")).unwrap();
    assert!(metrics.contains("oom_trace_kills_total{"), "{metrics}");
}
