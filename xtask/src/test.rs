//! The tests for every change: the workspace's on this machine, then the agent's on a sample of the
//! kernels.

use anyhow::{Result, bail};

use crate::setup::receivers;
use crate::sh::{self, say};
use crate::vm::matrix::{self, Selection};

/// Runs them; fails after the last when any failed.
pub(crate) fn run() -> Result<()> {
    receivers::install()?;
    let mut total = Tally::default();
    let mut broken = Vec::new();
    let native = sh::run_lines(&mut sh::cargo(&["test", "--no-fail-fast"]), |line| {
        say(line);
        total.count(line);
    })?;
    if !native {
        broken.push("this machine".to_owned());
    }
    let guests = matrix::tests(&Selection { sample: true, ..Selection::default() })?;
    let (passed, failed) = guests.count();
    total.passed += passed;
    total.failed += failed;
    broken.extend(guests.broken());
    for broken in &broken {
        say(format!("failed: {broken}"));
    }
    say(format!("{} passed, {} failed", total.passed, total.failed));
    if total.failed > 0 || !broken.is_empty() {
        bail!("tests failed");
    }
    Ok(())
}

/// Tests counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Counts the line if it sums up a test binary.
    fn count(&mut self, line: &str) {
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
    fn results_of_all_test_binaries_are_counted() {
        let mut tally = Tally::default();
        let text = "test a ... ok\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; \
                    0 filtered out; finished in 0.00s\ntest result: FAILED. 1 passed; 2 failed; \
                    0 ignored; 0 measured; 0 filtered out\n";
        text.lines().for_each(|line| tally.count(line));
        assert_eq!(tally, Tally { passed: 4, failed: 2 });
    }
}
