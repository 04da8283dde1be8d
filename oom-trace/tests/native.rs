//! The agent on the kernel that runs these tests, whichever hooks it offers; they need root.
//!
//! Others may cause kills meanwhile: each test looks for its own, and bounds what it counts.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]

#[path = "support/here.rs"]
mod here;
mod support;

use std::fs;
use std::io::{PipeWriter, Write as _, pipe};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::CapabilitySet;
use serde_json::Value;

use here::{trigger, turn};
use support::agent::{Agent, oom_trace, record};
use support::compare::assert_killed;
use support::kernel_kills;
use support::kmsg::Kmsg;
use support::log::{Killed, kills};
use support::wait_for;

/// The record of this process's death.
fn kill_of(agent: &mut Agent, pid: u64) -> Value {
    loop {
        let record = agent.record();
        if record["victim"]["tid"] == pid {
            return record;
        }
    }
}

/// The line of the log, whole and taken apart.
fn logged(log: &mut Kmsg, pid: u64) -> (String, Killed) {
    let own = |lines: &[String]| kills(lines).into_iter().find(|(_, killed)| killed.pid == pid);
    own(log.until(|lines| own(lines).is_some())).unwrap()
}

fn failure(output: &Output, code: i32) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    errors
}

#[test]
fn a_record_says_what_the_kernel_logged() {
    let _turn = turn();
    let mut log = Kmsg::from_now();
    let mut agent = Agent::start(oom_trace(&["--format", "json"]));
    let pid = trigger();
    let record = kill_of(&mut agent, pid);
    let (_, killed) = logged(&mut log, pid);
    assert_killed(&record, &[killed]);
    assert_eq!(record["victim"]["comm"], "oom-victim");
    agent.stop();
}

#[test]
fn the_kernel_format_is_the_kernels_line() {
    let _turn = turn();
    let mut log = Kmsg::from_now();
    let mut agent = Agent::start(oom_trace(&["--format", "kernel"]));
    let pid = trigger();
    let (text, _) = logged(&mut log, pid);
    let own = format!(" Killed process {pid} ");
    let printed = loop {
        let line = agent.line();
        if line.contains(&own) {
            break line;
        }
    };
    assert_eq!(printed, text);
    agent.stop();
}

#[test]
fn the_totals_are_the_kernels() {
    let _turn = turn();
    let most = kernel_kills();
    let mut agent = Agent::start(oom_trace(&["--format", "json"]));
    let least = kernel_kills();
    for _ in 0..3 {
        let pid = trigger();
        kill_of(&mut agent, pid);
    }
    let least = kernel_kills() - least;
    let stopped = agent.stop();
    let most = kernel_kills() - most;
    let end = record(stopped.lines.last().unwrap());
    assert_eq!(end["event"], "stopped", "{}", stopped.stderr);
    let totals = &end["totals"];
    assert_eq!(totals["kills"], totals["kernel_kills"], "{end:#}");
    assert!((least..=most).contains(&totals["kills"].as_u64().unwrap()), "{least}…{most}: {end:#}");
}

/// Without hooks: every line of a kill is in a record, and the kernel counted no other.
#[test]
fn the_log_alone_gives_records_too() {
    let _turn = turn();
    let mut log = Kmsg::from_now();
    let mut agent = Agent::start(oom_trace(&["--attach", "log", "--format", "json"]));
    let started = record(&agent.line());
    assert_eq!(started["event"], "started");
    let missing = started["missing"].as_array().unwrap();
    assert!(missing.iter().any(|missing| missing["field"] == "victim.badness"), "{started:#}");
    let pid = trigger();
    let kill = kill_of(&mut agent, pid);
    let (_, killed) = logged(&mut log, pid);
    assert_killed(&kill, &[killed]);
    let stopped = agent.stop();
    let end = record(stopped.lines.last().unwrap());
    assert_eq!(end["totals"]["kills"], end["totals"]["kernel_kills"], "{end:#}");
}

#[test]
fn the_past_is_in_the_log() {
    let _turn = turn();
    let pid = trigger();
    let output =
        oom_trace(&["history", "--log", "--since", "1m", "--format", "json"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut records = text.lines().map(record);
    let kill = records.find(|record| record["victim"]["tid"] == pid).unwrap();
    assert_eq!(kill["source"], "kernel_log");
    assert_eq!(kill["victim"]["comm"], "oom-victim");
}

#[test]
fn console_and_file_may_differ_in_format() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kills");
    let output = format!("compact:{}", file.display());
    let mut agent = Agent::start(oom_trace(&["--format", "json", "--output", &output]));
    let pid = trigger();
    kill_of(&mut agent, pid);
    agent.stop();
    let text = fs::read_to_string(file).unwrap();
    assert!(text.lines().any(|line| line.contains(&pid.to_string())), "{text}");
    assert!(!text.contains('{'), "{text}");
}

#[test]
fn a_file_that_was_moved_is_opened_anew_on_sighup() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("kills"), folder.path().join("kills.1"));
    let output = format!("kernel:{}", file.display());
    let mut agent = Agent::start(oom_trace(&["--format", "json", "--output", &output]));
    let holds = |path: &Path, pid| fs::read_to_string(path).unwrap().contains(&format!(" {pid} "));
    let first = trigger();
    kill_of(&mut agent, first);
    // Each output writes in its own time.
    wait_for("the file does not have the first", || holds(&file, first));
    fs::rename(&file, &moved).unwrap();
    agent.signal(Signal::HUP);
    wait_for("the file does not come back", || file.exists());
    let second = trigger();
    kill_of(&mut agent, second);
    agent.stop();
    assert!(holds(&moved, first) && !holds(&moved, second));
    assert!(holds(&file, second) && !holds(&file, first));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let _turn = turn();
    let program = oom_trace(&[]);
    let mut pipeline = Command::new("bash");
    let script = "\"$0\" --format json | head -1";
    pipeline.args(["-o", "pipefail", "-c", script]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        pipeline.env(name, value.unwrap());
    }
    let agent = Agent::start(pipeline);
    trigger();
    let ended = agent.wait();
    assert!(!ended.stderr.to_lowercase().contains("pipe"), "{}", ended.stderr);
}

#[test]
fn a_second_agent_says_that_there_is_one() {
    let _turn = turn();
    let agent = Agent::start(oom_trace(&["--format", "json"]));
    let errors = failure(&oom_trace(&[]).output().unwrap(), 1);
    let who = format!("another oom-trace is running (pid {})", agent.pid());
    assert!(errors.contains(&who), "{errors}");
    agent.stop();
}

/// As whoever looks after it does: the kernel may still be busy with what the last one had.
#[test]
fn one_that_was_killed_does_not_keep_the_next_from_starting() {
    let _turn = turn();
    let mut killed = Vec::new();
    for _ in 0..50 {
        let agent = Agent::start(oom_trace(&["--quiet"]));
        agent.signal(Signal::KILL);
        killed.push(agent);
    }
    Agent::start(oom_trace(&["--quiet"])).stop();
}

/// A name that anybody may take says nothing of who is there.
#[test]
fn nobody_without_rights_keeps_it_from_starting() {
    let _turn = turn();
    let name = SocketAddr::from_abstract_name("oom-trace.instance").unwrap();
    let _taken = UnixListener::bind_addr(&name).unwrap();
    let agent = Agent::start(oom_trace(&["--quiet"]));
    let said = agent.stop().stderr;
    assert!(!said.contains("cannot make sure"), "{said}");
}

/// The agent with this standard error; it is attached when this returns.
fn start_unheard(stderr: PipeWriter) -> Agent {
    let mut agent = Agent::spawn(oom_trace(&["--format", "json"]).stderr(stderr));
    while agent.record()["event"] != "started" {}
    agent
}

/// A pipe whose reader does not read.
#[test]
fn a_blocked_standard_error_stops_nothing() {
    const KILLS: usize = 28;
    let _turn = turn();
    let (_reader, mut full) = pipe().unwrap();
    ioctl_fionbio(&full, true).unwrap();
    while full.write(&[b'\n'; 4096]).is_ok() {}
    ioctl_fionbio(&full, false).unwrap();
    let mut agent = start_unheard(full);
    for _ in 0..KILLS {
        let pid = trigger();
        kill_of(&mut agent, pid);
    }
    let end = record(agent.stop().lines.last().unwrap());
    assert_eq!(end["event"], "stopped");
}

/// Whoever started it has gone; it goes on.
#[test]
fn a_closed_standard_error_is_no_end() {
    let _turn = turn();
    let (reader, closed) = pipe().unwrap();
    drop(reader);
    let mut agent = start_unheard(closed);
    let pid = trigger();
    kill_of(&mut agent, pid);
    let end = record(agent.stop().lines.last().unwrap());
    assert_eq!(end["event"], "stopped");
}

#[test]
fn the_demo_prints_the_record_of_its_own_kill() {
    let _turn = turn();
    let mut log = Kmsg::from_now();
    let output = oom_trace(&["--demo", "--format", "json"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let records: Vec<_> = str::from_utf8(&output.stdout).unwrap().lines().map(record).collect();
    let kill = records.iter().find(|record| record["victim"]["comm"] == "oom-victim").unwrap();
    let (_, killed) = logged(&mut log, kill["victim"]["tid"].as_u64().unwrap());
    assert_killed(kill, &[killed]);
}

/// Whoever tries a configuration sees which output works.
#[test]
fn the_demo_says_which_output_has_the_record() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let file = format!("--output=json:{}", folder.path().join("kills").display());
    let good = oom_trace(&["--demo", "--quiet", &file]).output().unwrap();
    let errors = String::from_utf8_lossy(&good.stderr);
    assert!(good.status.success() && errors.contains(": delivered"), "{errors}");
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sink = format!("webhook:{{ name = \"pager\", url = \"http://127.0.0.1:{port}/\" }}");
    let bad = oom_trace(&["--demo", "--quiet", &file, "--sink", &sink]).output().unwrap();
    let errors = failure(&bad, 1);
    assert!(errors.contains("the record of the kill did not reach pager"), "{errors}");
    assert!(errors.contains(": delivered"), "{errors}");
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let errors = failure(&oom_trace(&["--no-such-flag"]).output().unwrap(), 2);
    assert!(errors.contains("--no-such-flag"), "{errors}");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let _turn = turn();
    let output = oom_trace(&["--output", "json:/proc/no/such/file"]).output().unwrap();
    let errors = failure(&output, 1);
    assert!(errors.contains("/proc/no/such/file"), "{errors}");
}

#[test]
fn without_privileges_it_names_the_missing_capability() {
    let _turn = turn();
    // Where cargo built it, nobody may be allowed to look.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("oom-trace");
    fs::copy(oom_trace(&[]).get_program(), &program).unwrap();
    let errors = failure(
        &Command::new(program)
            .args(["--attach", "tracepoint"])
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap(),
        1,
    );
    assert!(errors.contains("CAP_"), "{errors}");
}

/// But for naming the kernel's functions and reopening files, in each of its threads.
#[test]
fn what_was_needed_to_attach_is_given_up() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kills");
    let agent = Agent::start(oom_trace(&["--output", file.to_str().unwrap()]));
    let keep = CapabilitySet::SYSLOG | CapabilitySet::DAC_OVERRIDE;
    let tasks = format!("/proc/{}/task", agent.pid().as_raw_pid());
    let tasks: Vec<_> = fs::read_dir(tasks).unwrap().collect();
    assert!(tasks.len() > 2, "{tasks:?}");
    for task in tasks {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        for set in ["CapPrm:", "CapEff:"] {
            let bits = status.lines().find_map(|line| line.strip_prefix(set)).unwrap();
            let bits = u64::from_str_radix(bits.trim(), 16).unwrap();
            assert_eq!(bits & !keep.bits(), 0, "{set} {bits:x}");
        }
    }
    agent.stop();
}

#[test]
fn trigger_says_what_died() {
    let before = kernel_kills();
    let mut log = Kmsg::from_now();
    let pid = trigger();
    let (_, killed) = logged(&mut log, pid);
    assert_eq!(killed.comm, "oom-victim");
    assert_eq!(killed.oom_score_adj, 1000);
    assert!(kernel_kills() > before);
}

/// Whether this run of `trigger` has left its cgroup, in either version's place.
fn cgroup_of(pid: u32) -> bool {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"]
        .iter()
        .any(|top| Path::new(top).join(format!("oom-trace-trigger-{pid}")).exists())
}

/// Sends the signal once there is a cgroup to leave behind; answers the run's id and what it said.
fn interrupted_trigger(signal: Signal) -> (u32, Output) {
    let mut command = oom_trace(&["trigger", "--memory", "64M"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    wait_for("trigger makes no cgroup", || cgroup_of(pid));
    kill_process(Pid::from_child(&child), signal).unwrap();
    (pid, child.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_trigger_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        // The kernel may be faster than the signal.
        wait_for("trigger cannot be interrupted", || {
            let (pid, output) = interrupted_trigger(signal);
            assert!(!cgroup_of(pid));
            !output.status.success() && failure(&output, 1).contains("interrupted")
        });
    }
}

#[test]
fn what_a_killed_trigger_leaves_the_next_removes() {
    wait_for("trigger is always faster", || {
        let (pid, _) = interrupted_trigger(Signal::KILL);
        let left = cgroup_of(pid);
        trigger();
        assert!(!cgroup_of(pid));
        left
    });
}
