//! Logs as the programs that people use print them: dmesg and logger of util-linux. Where they are not
//! installed there is nothing to try.

use std::fs;
use std::io::{Write as _, stdout};
use std::process::{Command, Stdio};

use crate::{logged, records, run};

pub(crate) fn is_there(program: &str) -> bool {
    let output = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    let is_there = output.is_ok_and(|status| status.success());
    if !is_there {
        // Not println, which the test runner keeps to itself.
        let _ = stdout().write_all(format!("\nnot tried: {program} is not installed\n").as_bytes());
    }
    is_there
}

#[test]
fn all_that_dmesg_prints() {
    if !is_there("dmesg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let log = fs::read_to_string(logged("6.12-memcg.log")).unwrap();
    // As syslog(2) has it.
    let lines: String = log.lines().map(|line| format!("<4>{line}\n")).collect();
    fs::write(&raw, lines).unwrap();
    for options in [
        &[][..],
        &["-T"],
        &["-H"],
        &["-d"],
        &["-e"],
        &["-x"],
        &["-r"],
        &["--json"],
        &["--color=always"],
        &["--time-format=iso"],
        &["-x", "-T"],
        &["-d", "-T"],
        &["-t"],
    ] {
        let mut dmesg = Command::new("dmesg");
        dmesg.arg("--file").arg(&raw).args(options).env("LC_ALL", "C").env("TZ", "UTC");
        let printed = dmesg.output().unwrap();
        assert!(printed.status.success(), "{options:?}");
        let found = records(&run("explain", &["--format", "json"], &printed.stdout));
        assert_eq!(found.len(), 1, "{options:?}: {found:#?}");
        assert_eq!(found[0]["victim"]["pid"], 157, "{options:?}");
        assert_eq!(found[0]["limit"]["cgroup"], "/web", "{options:?}");
        assert_eq!(found[0]["trigger"]["tid"], 157, "{options:?}");
    }
}
