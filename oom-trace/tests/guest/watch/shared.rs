//! One agent for all scenarios that need no more than one that is attached.
//!
//! To start and to stop one takes longer than most of them. A scenario takes the agent, waits for what is
//! its own, and leaves it to the next; what does not belong to it is not passed over: a record too many
//! fails the next scenario, or the last look at what the agent has told, counted and lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use oom_trace::render::{Format, Style, render};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::seen::{is_to_exit, lacks};
use super::{Seen, Watch, Written, lines};
use crate::scenario::gallery;
use crate::support::PATIENCE;
use crate::support::agent::{Agent, record};
use crate::support::log::kills;

/// The agent between two scenarios.
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// What the kernel has described lately.
static DESCRIBED: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

/// It describes so many decisions in so much time (`DEFAULT_RATELIMIT_BURST`,
/// `DEFAULT_RATELIMIT_INTERVAL`, include/linux/ratelimit_types.h), of others no more than the kill.
const BURST: usize = 10;
const INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Kept {
    agent: Agent,
    kernel_lines: NamedTempFile,
    past: Past,
}

/// What scenarios before had of the agent.
#[derive(Debug)]
pub(super) struct Past {
    /// Its record of its start.
    started: Value,
    /// Bytes that were read of its `kernel` format.
    read: usize,
    /// Kills that the kernel counted, and that were all told.
    kills: u64,
    /// Incidents of which memory may come back later: who shares it, or was not killed, may be held.
    late: BTreeSet<String>,
}

impl Watch {
    /// The agent that scenarios share, attached by kprobes, for so many decisions of the kernel.
    pub(crate) fn shared(decisions: usize) -> Self {
        await_room(decisions);
        let kept = KEPT.lock().unwrap().take().unwrap_or_else(Kept::start);
        let Kept { agent, kernel_lines, past } = kept;
        Self::by(agent, kernel_lines, Some(past))
    }

    /// Waits for all that is due, and leaves the agent to the next scenario.
    pub(super) fn leave(mut self, victims: usize) -> Seen {
        let (kills_now, log) = self.await_kernel(victims);
        let mut past = self.past.take().unwrap();
        self.await_exits_of_all(&past);
        let Self { agent: kept, kernel_lines, written, .. } = self;
        let Written { kills: records, mut exits, events, failures } = written;
        assert!(events.is_empty(), "{events:#?}");
        let told: u64 = records.iter().filter_map(|record| record["kill_count"].as_u64()).sum();
        assert_eq!(told, kills_now, "{records:#?}");

        let incidents: Vec<_> = records.iter().map(|record| record["incident"].clone()).collect();
        exits.retain(|exit| {
            let is_own = incidents.contains(&exit["incident"]);
            assert!(is_own || past.is_late(exit), "of no kill here: {exit:#}");
            is_own
        });
        past.late.extend(records.iter().filter(|it| !is_to_exit(it)).map(incident));
        past.kills += kills_now;
        let printed = past.printed(kernel_lines.path(), kills_now);
        let (agent, said) = (vec![past.started.clone()], String::new());
        let seen = Seen { records, exits, agent, failures, said, kills: kills_now, log, printed };
        let described = vec![Instant::now(); seen.dumps().len()];
        DESCRIBED.lock().unwrap().extend(described);
        show(&seen.records);
        seen.assert_logged();
        // One that is wrong is not for the others.
        *KEPT.lock().unwrap() = Some(Kept { agent: kept, kernel_lines, past });
        seen
    }

    /// Waits until the memory of each victim is back that must give it.
    fn await_exits_of_all(&mut self, past: &Past) {
        if lacks(&past.started, "oom_exit") {
            return;
        }
        let is_of = |exit: &Value, kill: &Value| {
            exit["incident"] == kill["incident"] && exit["pid"] == kill["victim"]["pid"]
        };
        loop {
            let Written { kills, exits, .. } = &self.written;
            let mut due = kills.iter().filter(|kill| is_to_exit(kill));
            if due.all(|kill| exits.iter().any(|exit| is_of(exit, kill))) {
                return;
            }
            self.read_record();
        }
    }
}

impl Kept {
    fn start() -> Self {
        let Watch { mut agent, kernel_lines, .. } = Watch::quiet("kprobe");
        let started = agent.record();
        assert_eq!(started["event"], "started", "{started:#}");
        if !started["missing"].as_array().unwrap().is_empty() {
            let degraded = agent.record();
            assert_eq!(degraded["event"], "degraded", "{degraded:#}");
        }
        let past = Past { started, read: 0, kills: 0, late: BTreeSet::new() };
        Self { agent, kernel_lines, past }
    }
}

impl Past {
    fn is_late(&self, exit: &Value) -> bool {
        self.late.contains(&incident(exit))
    }

    /// What is new in the agent's `kernel` format, once it has so many kills more.
    fn printed(&mut self, path: &Path, count: u64) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut all = fs::read(path).unwrap();
            // It may be in the middle of a line.
            all.truncate(all.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
            let new = lines(&String::from_utf8_lossy(&all[self.read..]));
            if kills(&new).len() as u64 >= count {
                self.read = all.len();
                return new;
            }
            assert!(Instant::now() < deadline, "{count} kills, of which are printed: {new:#?}");
            thread::yield_now();
        }
    }
}

fn incident(record: &Value) -> String {
    record["incident"].as_str().unwrap().to_owned()
}

/// Waits until the kernel has room for so many descriptions more.
fn await_room(decisions: usize) {
    let mut described = DESCRIBED.lock().unwrap();
    loop {
        described.retain(|at| at.elapsed() < INTERVAL);
        if described.len() + decisions <= BURST {
            return;
        }
        thread::sleep(INTERVAL.saturating_sub(described[0].elapsed()));
    }
}

/// Leaves the blocks for people of a scenario that is shown, as the agent would write them.
fn show(records: &[Value]) {
    let Some(path) = gallery() else { return };
    let mut blocks = Vec::new();
    for record in records {
        let record = serde_json::from_value(record.clone()).unwrap();
        render(&record, Format::Text, Style::default(), &mut blocks).unwrap();
    }
    fs::write(path, blocks).unwrap();
}

/// Stops the agent that scenarios share, if there is one: it has told of each kill that they saw, and no
/// more, and lost nothing.
pub(crate) fn part() {
    let kept = KEPT.lock().unwrap().take();
    let Some(Kept { agent, past, .. }) = kept else { return };
    let stopped = agent.stop();
    let mut written = Written::default();
    stopped.lines.iter().for_each(|line| written.add(record(line)));
    let Written { kills, exits, events, failures } = written;
    assert!(kills.is_empty(), "the shared agent told of kills of no scenario: {kills:#?}");
    assert!(failures.is_empty(), "of failures of no scenario: {failures:#?}");
    assert!(exits.iter().all(|exit| past.is_late(exit)), "of no kill: {exits:#?}");
    let [end] = events.as_slice() else { panic!("{events:#?}") };
    assert_eq!(end["event"], "stopped", "{end:#}");
    let totals = &end["totals"];
    for count in ["kills", "kernel_kills"] {
        assert_eq!(totals[count], past.kills, "{count}: {totals:#}");
    }
    for lost in ["ring_lost", "malformed", "sink_lost"] {
        assert_eq!(totals[lost], 0, "{lost}: {totals:#}");
    }
}
