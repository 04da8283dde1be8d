//! The agent as a service: with a configuration and a store, through restarts.
//!
//! They need root, and run on whichever hooks this kernel offers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]

#[path = "../support/growing.rs"]
mod growing;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "of what the tests share these need the agent alone")]
mod support;

#[path = "../support/here.rs"]
mod here;

mod config;
mod confined;
mod descriptors;
mod disk;
mod logrotate;
mod manager;
mod metrics;
mod reload;
mod restart;
mod trigger;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::growing::whole_lines;
use crate::support::agent::{Agent, oom_trace};
use crate::support::wait_for;

/// Where a service has what is its own.
struct Service {
    dir: TempDir,
}

impl Service {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// With its state in its folder, as systemd has it.
    fn start(&self, args: &[&str]) -> Agent {
        let mut command = self.command(args);
        command.env("STATE_DIRECTORY", self.dir.path());
        Agent::start(command)
    }

    /// Whatever other agents there are.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = oom_trace(args);
        command.env("RUNTIME_DIRECTORY", self.dir.path().join("run"));
        command.env_remove("STATE_DIRECTORY");
        command
    }

    /// The records of its store.
    fn stored(&self) -> Vec<Value> {
        stored(&self.path("records.db"))
    }
}

/// The records that a store has, as `history` shows them.
fn stored(path: &Path) -> Vec<Value> {
    let args = ["history", "--format", "json", path.to_str().unwrap()];
    let output = oom_trace(&args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&String::from_utf8(output.stdout).unwrap())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn in_file(path: &Path) -> Vec<Value> {
    lines(&whole_lines(path))
}

/// How often each victim is in these records; of others than ours nobody knows.
fn victims(records: &[Value], ours: &[u64]) -> BTreeMap<u64, usize> {
    let mut count: BTreeMap<_, _> = ours.iter().map(|pid| (*pid, 0)).collect();
    for record in records.iter().filter(|record| record["type"] == "oom_kill") {
        let tid = record["victim"]["tid"].as_u64().unwrap();
        count.entry(tid).and_modify(|count| *count += 1);
    }
    count
}

/// Waits until each of these is in the file.
fn await_victims(path: &Path, ours: &[u64]) {
    let is_there = || victims(&in_file(path), ours).values().all(|count| *count > 0);
    wait_for(&format!("not all of {ours:?} are in {}", path.display()), is_there);
}

fn once(ours: &[u64]) -> BTreeMap<u64, usize> {
    ours.iter().map(|pid| (*pid, 1)).collect()
}
