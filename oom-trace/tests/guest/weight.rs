//! What the agent takes of the machine while nothing happens.
#![expect(clippy::print_stdout, reason = "what was measured is worth seeing")]

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::scenario::Scenario;
use crate::support::PATIENCE;
use crate::support::agent::{Agent, oom_trace};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("idle_is_light", idle_is_light),
    Scenario::new("idle_wakes_nobody", idle_wakes_nobody),
    Scenario::new("huge_pages_back_nothing", huge_pages_back_nothing),
];

const MIB: u64 = 1 << 20;

/// The most of each, in bytes. It was 4.2, 0.9, 9.3 and 8.9 MiB on 6.12 when this was written, where
/// 4.5 MiB of the third are the kernel's BTF: what takes more must be worth it. The last 0.7 MiB of the
/// binary are the table of `history`, `verify`, `report`, and more forms of logs; a running agent maps none
/// of it.
const BUDGETS: [(&str, u64); 4] = [
    ("its share of the memory it maps, of which the ring is 1 MiB", 11 * MIB / 2),
    ("anonymous memory", 9 * MIB / 8),
    ("the most it ever had resident", 11 * MIB),
    ("the binary", 9 * MIB),
];

fn idle_is_light() {
    let command = oom_trace(&["--format", "json"]);
    let binary = fs::metadata(command.get_program()).unwrap().len();
    let mut agent = Agent::start(command);
    // With the record that it is there, all is done that a start does.
    assert_eq!(agent.record()["event"], "started");
    let measured = [
        told(&agent, "smaps_rollup", "Pss:"),
        told(&agent, "smaps_rollup", "Anonymous:"),
        told(&agent, "status", "VmHWM:"),
        binary,
    ];
    agent.stop();
    let mut over = Vec::new();
    for ((what, budget), measured) in BUDGETS.into_iter().zip(measured) {
        println!("{what}: {measured} bytes, of {budget}");
        if measured > budget {
            over.push(what);
        }
    }
    assert!(over.is_empty(), "{over:?}");
}

/// Once what a start does is done, nothing runs until something happens: no timer, no polling.
fn idle_wakes_nobody() {
    const QUIET: Duration = Duration::from_secs(5);
    let mut agent = Agent::start(oom_trace(&["--format", "json"]));
    assert_eq!(agent.record()["event"], "started");
    let deadline = Instant::now() + PATIENCE;
    let (mut before, mut since) = (switches(&agent), Instant::now());
    while since.elapsed() < QUIET {
        assert!(Instant::now() < deadline, "it does not come to rest: {before} switches so far");
        thread::sleep(Duration::from_millis(100));
        let now = switches(&agent);
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    agent.stop();
}

/// How often the kernel switched to one of the agent's threads.
fn switches(agent: &Agent) -> u64 {
    let of = |task: PathBuf| -> u64 {
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        let counts = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
        counts.map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum()
    };
    let tasks = fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
    tasks.map(|task| of(task.unwrap().path())).sum()
}

/// Where the kernel uses them unasked, which as many distributions have it, one may stand for a heap or a
/// stack, depending on where these happen to lie.
fn huge_pages_back_nothing() {
    let agent = Agent::start(oom_trace(&[]));
    assert_eq!(told(&agent, "smaps_rollup", "AnonHugePages:"), 0);
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let enabled = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
    assert_eq!(enabled.map(str::trim), Some("0"), "{status}");
    agent.stop();
}

/// Bytes that the kernel tells of the agent in one of its files, in a line that begins so.
fn told(agent: &Agent, file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/{file}", agent.pid())).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB"));
    value.unwrap_or_else(|| panic!("no {key} in {text}")).trim().parse::<u64>().unwrap() * 1024
}
