//! What cannot be asked for: the status of wrong usage, and words that say what is expected.

use crate::{logged, run};

/// As in a script whose variable is unset, or holds all of `/proc/self/cgroup`.
#[test]
fn a_place_that_can_be_none_is_wrong_usage() {
    for args in [
        ["--unit", ""],
        ["--unit", "ci.service/job-4711"],
        ["--cgroup", ""],
        ["--cgroup", "/a\n/b"],
        ["--pod", ""],
    ] {
        let output = run("verify", &[&["--since", "1h"], &args[..]].concat(), b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?} {said}");
    }
}

/// In words that say what is expected.
#[test]
fn what_is_no_number_is_wrong_usage() {
    for (command, args, says) in [
        ("verify", ["--pid", "nginx"], "expected a whole number"),
        ("history", ["-n", "ten"], "expected a whole number"),
        ("history", ["--uid", "root"], "expected a number, as `id -u NAME` prints it"),
        ("trigger", ["--memory", "much"], "expected a size, such as 32M"),
        ("trigger", ["--memory", "32"], "that is 32 B; the child needs at least"),
    ] {
        let output = run(command, &args, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains(says), "{command}: {said}");
    }
}

#[test]
fn a_period_that_is_empty_is_wrong_usage() {
    let log = logged("6.12-memcg.log");
    let reversed = ["--since", "1h", "--until", "2h"];
    let empty = ["--since", "2026-03-01", "--until", "2026-03-01"];
    for (command, args) in [
        ("verify", &reversed[..]),
        ("verify", &empty),
        ("verify", &["--since", "tomorrow"]),
        ("history", &[&reversed[..], &[log.to_str().unwrap()]].concat()),
        ("report", &[&reversed[..], &[log.to_str().unwrap()]].concat()),
        ("explain", &[&empty[..], &[log.to_str().unwrap()]].concat()),
    ] {
        let output = run(command, args, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("--since") && output.stdout.is_empty(), "{command}: {said}");
    }
}
