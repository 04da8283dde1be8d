//! With few open files: a command that cannot do its work says so.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::here::turn;
use crate::support::agent::oom_trace;

/// With as many open files as it may have, and the program after it.
const FEW: &str = r#"ulimit -n "$1" && shift && exec "$@""#;

fn with_few_files(limit: u64, args: &[&str]) -> Command {
    let (agent, limit) = (oom_trace(args), limit.to_string());
    let mut command = Command::new("sh");
    command.args(["-c", FEW, "sh", &limit]).arg(agent.get_program()).args(agent.get_args());
    command.envs(agent.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn with_too_few_open_files_it_says_so_and_ends() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    for args in [&["check"][..], &["explain", log.to_str().unwrap()], &["verify"], &["history"]] {
        for limit in 4..32 {
            let output = with_few_files(limit, args).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            let is_end = output.status.code().is_some() && !errors.contains("panicked");
            assert!(is_end, "{args:?}, {limit} files: {} {errors}", output.status);
        }
    }
    let refused = (4..64).take_while(|limit| {
        let mut agent = with_few_files(*limit, &[]).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(agent.stderr.take().unwrap());
        while !said.contains("waiting for OOM kills") {
            if lines.read_line(&mut said).unwrap() == 0 {
                let status = agent.wait().unwrap();
                let is_said = said.contains("open files") && !said.contains("panicked");
                assert!(status.code() == Some(1) && is_said, "{limit} files: {status} {said}");
                return true;
            }
        }
        kill_process(Pid::from_child(&agent), Signal::TERM).unwrap();
        assert!(agent.wait().unwrap().success(), "{limit} files: {said}");
        false
    });
    assert!((1..60).contains(&refused.count()));
}
