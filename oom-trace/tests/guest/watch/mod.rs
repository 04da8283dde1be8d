//! A scenario under the agent's eyes and the kernel's.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::NamedTempFile;

pub(crate) use self::seen::{Seen, held_back};
use self::shared::Past;
pub(crate) use self::shared::part;
use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec};
use crate::scenario::gallery;
use crate::support::agent::{Agent, oom_trace, record};
use crate::support::kernel_kills;
use crate::support::kmsg::Kmsg;
use crate::support::log::kills;

mod seen;
mod shared;

pub(crate) const PAGE: u64 = 4096;

/// An agent with two outputs, JSON and the kernel's own lines, and what the kernel stood at.
#[derive(Debug)]
pub(crate) struct Watch {
    agent: Agent,
    kernel_lines: NamedTempFile,
    log: Kmsg,
    kills_before: u64,
    written: Written,
    /// Of an agent that others had before, and others will have.
    past: Option<Past>,
}

/// What the agent has written so far.
#[derive(Debug, Default)]
struct Written {
    kills: Vec<Value>,
    exits: Vec<Value>,
    events: Vec<Value>,
    failures: Vec<Value>,
}

impl Written {
    fn add(&mut self, record: Value) {
        match record["type"].as_str() {
            Some("oom_kill") => self.kills.push(record),
            Some("oom_exit") => self.exits.push(record),
            Some("agent") => self.events.push(record),
            Some("oom_failed") => self.failures.push(record),
            _ => panic!("a record of another kind: {record:#}"),
        }
    }
}

/// Of the kernel: 6.12 is `(6, 12)`.
pub(crate) fn release() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// One process grows in the cgroup until it is killed; the agent has all that the log has.
pub(crate) fn kill_one(spec: &Spec, cgroup: &Cgroup) -> Seen {
    let watch = Watch::shared(1);
    let mut hog = Hog::start(spec, cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    assert_eq!(seen.only()["victim"]["pid"], pid, "{:#}", seen.only());
    seen
}

/// The victims' process ids, in ascending order.
pub(crate) fn victims(records: &[Value]) -> Vec<u64> {
    let pids = records.iter().map(|record| record["victim"]["pid"].as_u64().unwrap());
    let mut pids: Vec<_> = pids.collect();
    pids.sort_unstable();
    pids
}

impl Watch {
    pub(crate) fn start(attach: &str) -> Self {
        Self::of(oom_trace(&["--attach", attach]))
    }

    /// Of a command that runs the agent and can take more arguments.
    pub(crate) fn of(mut command: Command) -> Self {
        if let Some(path) = gallery() {
            command.arg(format!("--output=text:{}", path.display()));
        }
        Self::with_two_outputs(command)
    }

    /// As [`Self::start`], of no scenario that is shown.
    fn quiet(attach: &str) -> Self {
        Self::with_two_outputs(oom_trace(&["--attach", attach]))
    }

    fn with_two_outputs(mut command: Command) -> Self {
        let kernel_lines = NamedTempFile::with_prefix_in("kernel-lines", "/tmp").unwrap();
        let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        fs::set_permissions(&kernel_lines, everyone).unwrap();
        let output = format!("kernel:{}", kernel_lines.path().display());
        command.args(["--format", "json", "--output", &output]);
        Self::by(Agent::start(command), kernel_lines, None)
    }

    fn by(agent: Agent, kernel_lines: NamedTempFile, past: Option<Past>) -> Self {
        let (log, kills_before) = (Kmsg::from_now(), kernel_kills());
        let written = Written::default();
        Self { agent, kernel_lines, log, kills_before, written, past }
    }

    /// Stops the agent's process, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        self.agent.signal(signal);
    }

    /// Waits for the records of this many victims, which [`Self::finish`] gives too.
    pub(crate) fn await_victims(&mut self, count: usize) {
        while self.written.kills.len() < count {
            self.read_record();
        }
    }

    /// Waits until this many kills are told, as the kernel counts them; answers how many victims are.
    pub(crate) fn await_kills(&mut self, count: u64) -> usize {
        let told = |record: &Value| record["kill_count"].as_u64().unwrap();
        while self.written.kills.iter().map(told).sum::<u64>() < count {
            self.read_record();
        }
        self.written.kills.len()
    }

    /// Waits until this many victims' memory is back.
    pub(crate) fn await_exits(&mut self, count: usize) {
        while self.written.exits.len() < count {
            self.read_record();
        }
    }

    /// Waits until the agent tells of a shortage in which nobody could be killed.
    pub(crate) fn await_failure(&mut self) {
        while self.written.failures.is_empty() {
            self.read_record();
        }
    }

    /// Waits until the agent says this of itself, in a record; gives all that it says there.
    pub(crate) fn await_said(&mut self, word: &str) -> String {
        let message = |record: &Value| record["message"].as_str().unwrap().to_owned();
        loop {
            let mut said = self.written.events.iter().map(message);
            if let Some(said) = said.find(|message| message.contains(word)) {
                return said;
            }
            self.read_record();
        }
    }

    fn read_record(&mut self) {
        self.written.add(self.agent.record());
    }

    /// Waits for the records of this many victims, and stops the agent, or leaves it to the next: not
    /// a kill more or less than the kernel counted, nothing lost, and each as the kernel logged it.
    pub(crate) fn finish(self, victims: usize) -> Seen {
        let seen = if self.past.is_some() {
            self.leave(victims)
        } else {
            let seen = self.stop(victims);
            seen.assert_nothing_lost();
            seen
        };
        assert_eq!(seen.records.len(), victims, "{:#?}", seen.records);
        seen.assert_exits();
        seen.assert_printed();
        seen
    }

    /// As [`Self::finish`], where the agent need not have seen everything: no fewer than this many.
    pub(crate) fn stop(mut self, victims: usize) -> Seen {
        assert!(self.past.is_none(), "others need this agent");
        let (kills_now, log) = self.await_kernel(victims);
        let Self { agent, kernel_lines, mut written, .. } = self;
        let stopped = agent.stop();
        for line in &stopped.lines {
            written.add(record(line));
        }
        let Written { kills: records, exits, events: agent, failures } = written;
        let printed = lines(&fs::read_to_string(&kernel_lines).unwrap());
        let said = stopped.stderr;
        let seen = Seen { records, exits, agent, failures, said, kills: kills_now, log, printed };
        assert_eq!(seen.end()["event"], "stopped", "{}", seen.said);
        seen.assert_logged();
        seen
    }

    /// Waits for the agent's records of this many victims, and for all that the kernel logs of the kills
    /// that it has counted by then.
    fn await_kernel(&mut self, victims: usize) -> (u64, Vec<String>) {
        self.await_victims(victims);
        let kills_now = kernel_kills() - self.kills_before;
        let log = self.log.until(|lines| kills(lines).len() as u64 == kills_now).to_owned();
        (kills_now, log)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
