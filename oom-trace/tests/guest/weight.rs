//! What the agent takes of the machine while nothing happens.
#![expect(clippy::print_stdout, reason = "what was measured is worth seeing")]

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, named};
use crate::scenario::Scenario;
use crate::support::PATIENCE;
use crate::support::agent::{Agent, oom_trace};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("idle_is_light", idle_is_light),
    Scenario::new("idle_wakes_nobody", idle_wakes_nobody),
    Scenario::new("huge_pages_back_nothing", huge_pages_back_nothing),
    Scenario::new("a_kill_faults_few_pages_in", || faults_few_pages("kprobe")).on_each_kernel(),
    Scenario::new("a_line_of_the_log_faults_few_pages_in", || faults_few_pages("log"))
        .on_each_kernel(),
];

const MIB: u64 = 1 << 20;

/// Where they stand after the name in `/proc/PID/stat` (proc(5)).
const MINFLT: usize = 7;
const MAJFLT: usize = 9;

/// The most of each, in bytes. It was 3.3, 1.0, 8.9 and 8.4 MiB on 6.12 when this was written, where
/// 4.5 MiB of the third are the kernel's BTF: what takes more must be worth it. Of the binary a running agent
/// maps nothing that it did not use: what a record needs stands together by `layout.ld`.
const BUDGETS: [(&str, u64); 4] = [
    ("its share of the memory it maps, of which the ring is 1 MiB", 18 * MIB / 5),
    ("anonymous memory", 17 * MIB / 16),
    ("the most it ever had resident", 11 * MIB),
    ("the binary", 17 * MIB / 2),
];

/// Of a binary that the kernel maps: constants, code, what is relocated, data.
const SEGMENTS: usize = 4;

fn idle_is_light() {
    let command = oom_trace(&["--format", "json"]);
    let binary = fs::metadata(command.get_program()).unwrap().len();
    let mut agent = Agent::start(command);
    assert_eq!(agent.record()["event"], "started");
    // All is done that a start does, and it looks once more at what came meanwhile.
    wait_until_quiet(&agent, Duration::from_secs(2));
    let measured = [
        told(agent.pid(), "smaps_rollup", "Pss:"),
        told(agent.pid(), "smaps_rollup", "Anonymous:"),
        told(agent.pid(), "status", "VmHWM:"),
        binary,
    ];
    let maps = fs::read_to_string(format!("/proc/{}/maps", agent.pid())).unwrap();
    let pieces = maps.lines().filter(|line| line.ends_with("/oom-trace")).count();
    assert!(pieces <= SEGMENTS, "the binary is in pieces, which cost the kernel memory: {maps}");
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
    wait_until_quiet(&agent, QUIET);
    agent.stop();
}

/// How many pages the rehearsal may miss. When this was written it missed 5 to 8 by a kprobe and 4 to 8 from the
/// log, mostly of the words that a kill's own story takes.
const MISSED_PAGES: u64 = 12;

/// Sixteen pages around the one that is touched the kernel maps with it, which hides by chance, as
/// addresses are drawn at each start, what was missed.
const FAULT_AROUND: &str = "/sys/kernel/debug/fault_around_bytes";

/// Whoever touches a page for the first time while there is none waits for memory, as the one that is to
/// tell of it should not: from the kill to its line nearly all that the agent uses is resident, its code, its
/// heap and its stacks.
fn faults_few_pages(attach: &str) {
    fs::write(FAULT_AROUND, "4096").unwrap();
    let mut agent = Agent::start(oom_trace(&["--attach", attach, "--format", "json"]));
    assert_eq!(agent.record()["event"], "started");
    wait_until_quiet(&agent, Duration::from_secs(2));
    let before = faults(&agent);
    let cgroup = Cgroup::limited("faults", 24 << 20);
    let mut hog = Hog::start(&named("hog"), &cgroup);
    hog.grow();
    hog.killed();
    while agent.record()["type"] != "oom_kill" {}
    let after = faults(&agent);
    fs::write(FAULT_AROUND, "65536").unwrap();
    let sum = |faults: &[(String, u64)]| faults.iter().map(|(_, count)| count).sum::<u64>();
    let missed = sum(&after) - sum(&before);
    println!("{missed} pages faulted in, of {MISSED_PAGES}");
    assert!(missed <= MISSED_PAGES, "{missed}: page faults of each thread: {before:?}, {after:?}");
    agent.stop();
}

/// Name and page faults of each of the agent's threads.
fn faults(agent: &Agent) -> Vec<(String, u64)> {
    let of = |task: PathBuf| {
        let stat = fs::read_to_string(task.join("stat")).unwrap();
        let (name, rest) = stat.rsplit_once(')').unwrap();
        let field = |index: usize| rest.split_whitespace().nth(index).unwrap().parse::<u64>();
        (name.to_owned(), field(MINFLT).unwrap() + field(MAJFLT).unwrap())
    };
    let tasks = fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
    tasks.map(|task| of(task.unwrap().path())).collect()
}

fn wait_until_quiet(agent: &Agent, quiet: Duration) {
    let deadline = Instant::now() + PATIENCE;
    let (mut before, mut since) = (switches(agent), Instant::now());
    while since.elapsed() < quiet {
        assert!(Instant::now() < deadline, "it does not come to rest: {before} switches so far");
        thread::sleep(Duration::from_millis(100));
        let now = switches(agent);
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
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
    assert_eq!(told(agent.pid(), "smaps_rollup", "AnonHugePages:"), 0);
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let enabled = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
    assert_eq!(enabled.map(str::trim), Some("0"), "{status}");
    agent.stop();
}

/// Bytes that the kernel tells of the agent in one of its files, in a line that begins so.
pub(crate) fn told(agent: Pid, file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{agent}/{file}")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB"));
    value.unwrap_or_else(|| panic!("no {key} in {text}")).trim().parse::<u64>().unwrap() * 1024
}
