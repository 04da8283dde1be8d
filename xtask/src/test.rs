//! The tests for every change: the workspace's on this machine, then the agent's on a sample of the
//! kernels.

use std::thread::{self, Scope};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::parts::{self, Timer};
use crate::setup::{self, receivers};
use crate::sh::{self, say};
use crate::vm::matrix::{self, Selection};

/// Each is tested by itself: what it depends on then has the features with which the guests' tests, and we, are
/// built, and is not built for all of them once more.
const PACKAGES: [&str; 3] = ["oom-trace", "oom-trace-common", "xtask"];

/// Runs them; fails after the last when any failed. At the end it says how long each part took.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let tested = tests();
    parts::tell(begun);
    let (total, broken) = tested?;
    for left in &total.not_tried {
        say(format!("not tried: {left}"));
    }
    for broken in &broken {
        say(format!("failed: {broken}"));
    }
    let Tally { passed, failed, not_tried } = &total;
    say(format!("{passed} passed, {failed} failed; in part not tried: {}", not_tried.len()));
    if total.failed > 0 || !broken.is_empty() {
        bail!("tests failed");
    }
    Ok(())
}

/// Answers what they came to, and what is not as it should be.
fn tests() -> Result<(Tally, Vec<String>)> {
    if !rustix::process::geteuid().is_root() {
        bail!("the tests load eBPF, cause OOM kills and become other users: run this as root");
    }
    {
        let _timer = Timer::start("set-up");
        setup::run()?;
        receivers::install()?;
    }
    let sample = Selection { sample: true, ..Selection::default() };
    let mut total = Tally::default();
    let mut broken = Vec::new();
    if !thread::scope(|scope| here(&mut total, scope, &sample))? {
        broken.push("this machine".to_owned());
    }
    let guests = matrix::tests(&sample)?;
    let (passed, failed) = guests.count();
    total.passed += passed;
    total.failed += failed;
    broken.extend(guests.broken());
    Ok((total, broken))
}

/// Answers whether all passed on this machine. While they run, and mostly wait, what the guests take is built.
fn here<'scope>(
    total: &mut Tally,
    scope: &'scope Scope<'scope, '_>,
    guests: &'scope Selection,
) -> Result<bool> {
    let mut ahead = None;
    let mut passed = true;
    for package in PACKAGES {
        let mut timer = Timer::start(format!("build of the tests of {package}"));
        let mut cargo = sh::cargo(&["test", "--no-fail-fast", "--package", package]);
        // In colours, its words would not be found.
        cargo.env("CARGO_TERM_COLOR", "never");
        passed &= sh::run_all_lines(&mut cargo, |line| {
            say(line);
            if let Some(name) = heading(line) {
                timer = Timer::start(name);
                // What goes wrong with it is told where it is wanted.
                ahead.get_or_insert_with(|| scope.spawn(|| matrix::prepare(guests)));
            }
            total.count(line);
        })?;
    }
    Ok(passed)
}

/// What cargo is about to run, if the line says so.
fn heading(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(library) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{library}: doc-tests"));
    }
    let (source, binary) = line.strip_prefix("Running ")?.strip_suffix(')')?.split_once(" (")?;
    let (_, name) = binary.rsplit_once("/deps/")?;
    let (name, _hash) = name.rsplit_once('-')?;
    Some(format!("{name}: {source}"))
}

/// Tests counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    /// What a test of these left out, for want of something here.
    not_tried: Vec<String>,
}

impl Tally {
    /// Counts the line if it sums up a test binary, or says what is left out.
    fn count(&mut self, line: &str) {
        if let Some(left) = line.strip_prefix("not tried: ") {
            self.not_tried.push(left.to_owned());
        }
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|l| l.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse().unwrap_or(0),
                Some((n, "failed")) => self.failed += n.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_known_before_it_runs() {
        let line =
            "     Running unittests src/lib.rs (target/debug/deps/oom_trace-4a9e4f663da1ef7f)";
        assert_eq!(heading(line).as_deref(), Some("oom_trace: unittests src/lib.rs"));
        let line = "     Running tests/delivery/main.rs (/x/target/debug/deps/delivery-4a9e4f66)";
        assert_eq!(heading(line).as_deref(), Some("delivery: tests/delivery/main.rs"));
        assert_eq!(heading("   Doc-tests oom_trace").as_deref(), Some("oom_trace: doc-tests"));
        for line in ["running 3 tests", "test a ... ok", "Running out of memory (again)"] {
            assert_eq!(heading(line), None);
        }
    }

    #[test]
    fn each_package_of_the_workspace_is_tested() {
        let members = format!("default-members = {PACKAGES:?}\n");
        assert!(include_str!("../../Cargo.toml").contains(&members), "{members}");
    }

    #[test]
    fn results_of_all_test_binaries_are_counted() {
        let mut tally = Tally::default();
        let text = "test a ... ok\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; \
                    0 filtered out; finished in 0.00s\ntest result: FAILED. 1 passed; 2 failed; \
                    0 ignored; 0 measured; 0 filtered out\nnot tried: x\n";
        text.lines().for_each(|line| tally.count(line));
        let not_tried = vec!["x".to_owned()];
        assert_eq!(tally, Tally { passed: 4, failed: 2, not_tried });
    }
}
