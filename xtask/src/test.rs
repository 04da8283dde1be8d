//! All tests: the workspace's on this machine, then the agent's on each kernel.

use std::io::{self, Write};

use anyhow::{Result, bail};

use crate::sh::{self, say};
use crate::vm::kernels::KERNELS;
use crate::vm::{self, Load};

/// Runs them; fails after the last when any failed.
pub(crate) fn run() -> Result<()> {
    let mut total = Tally::default();
    let mut broken = Vec::new();
    let native = sh::run_lines(&mut sh::cargo(&["test", "--no-fail-fast"]), |line| {
        say(line);
        total.count(line);
    })?;
    if !native {
        broken.push("this machine".to_owned());
    }
    let load = Load::new(&[], 1)?;
    for kernel in KERNELS {
        let mut guest = Tally::default();
        let verdict = vm::run(kernel, &load, &mut Counting::new(&mut guest, io::stdout()));
        match verdict {
            Ok(0) if guest.passed > 0 => {}
            Ok(0) => broken.push(format!("kernel {}: it ran no test", kernel.name)),
            Ok(_) => broken.push(format!("kernel {}", kernel.name)),
            Err(err) => {
                say(format!("{err:#}"));
                broken.push(format!("kernel {}: no verdict", kernel.name));
            }
        }
        total.add(guest);
    }
    for broken in &broken {
        say(format!("failed: {broken}"));
    }
    say(format!("{} passed, {} failed", total.passed, total.failed));
    if total.failed > 0 || !broken.is_empty() {
        bail!("tests failed");
    }
    Ok(())
}

/// Tests counted from what libtest prints.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
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

    fn add(&mut self, other: Self) {
        let Self { passed, failed } = other;
        self.passed += passed;
        self.failed += failed;
    }
}

/// Hands output on, counting the tests in it.
struct Counting<'a, W> {
    to: W,
    tally: &'a mut Tally,
    line: Vec<u8>,
}

impl<'a, W: Write> Counting<'a, W> {
    fn new(tally: &'a mut Tally, to: W) -> Self {
        Self { to, tally, line: Vec::new() }
    }
}

impl<W: Write> Write for Counting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if byte == b'\n' {
                self.tally.count(&String::from_utf8_lossy(&self.line));
                self.line.clear();
            } else {
                self.line.push(byte);
            }
        }
        self.to.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_wherever_the_output_is_cut() {
        let mut tally = Tally::default();
        let mut output = Counting::new(&mut tally, io::sink());
        let text = "test a ... ok\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; \
                    0 filtered out; finished in 0.00s\ntest result: FAILED. 1 passed; 2 failed; \
                    0 ignored; 0 measured; 0 filtered out\n";
        for chunk in text.as_bytes().chunks(7) {
            output.write_all(chunk).unwrap();
        }
        assert_eq!(tally, Tally { passed: 4, failed: 2 });
    }
}
