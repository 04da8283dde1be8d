//! Random input for as long as there is time: the tests of `oom-trace/tests/fuzz`, one after the other on
//! each processor, and what came of each.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Result, bail};
use clap::Args;

use crate::sh::{self, say};

/// What to try, and for how long.
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// Only the tests whose names contain one of these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How long each test goes on
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
}

/// Runs them all, whichever fails, and says how often each tried.
pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    let FuzzArgs { names, minutes } = args;
    let listed = sh::output(tests().arg("--list").args(names))?;
    let mut outcomes = Outcomes::of(&listed);
    let threads = available_parallelism().map_or(1, usize::from);
    let turns = u64::try_from(outcomes.0.len().div_ceil(threads))?;
    if turns == 0 {
        bail!("no test of oom-trace/tests/fuzz has {} in its name", names.join(" or "));
    }
    say(format!("{} tests, {} minutes", outcomes.0.len(), turns * minutes));
    let mut tests = tests();
    tests.args(["--nocapture", &format!("--test-threads={threads}")]).args(names);
    tests.env("OOM_TRACE_FUZZ_SECONDS", (minutes * 60).to_string());
    let good = sh::run_all_lines(&mut tests, |line| {
        say(line);
        outcomes.take(line);
    })?;
    say(outcomes.table());
    if !good {
        bail!(
            "random input found something: a seed makes it again, OOM_TRACE_FUZZ_SEED=N cargo test -p oom-trace --test fuzz NAME"
        );
    }
    Ok(())
}

fn tests() -> Command {
    sh::cargo(&["test", "-p", "oom-trace", "--test", "fuzz", "--"])
}

/// What came of each test, by its name; nothing where it did not come to its end.
#[derive(Debug)]
struct Outcomes(BTreeMap<String, Option<String>>);

impl Outcomes {
    fn of(listed: &str) -> Self {
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let names = tests.map(|path| path.rsplit("::").next().unwrap_or(path).to_owned());
        Self(names.map(|name| (name, None)).collect())
    }

    /// `fuzz NAME: 300 tries in 2s`, `NAME: OOM_TRACE_FUZZ_SEED=7`; the first may stand behind the runner's
    /// own words.
    fn take(&mut self, line: &str) {
        let said = line.split_once("fuzz ").map_or(line, |(_, said)| said);
        if let Some((name, outcome)) = said.split_once(": ")
            && let Some(known) = self.0.get_mut(name)
        {
            *known = Some(outcome.to_owned());
        }
    }

    fn table(&self) -> String {
        let width = self.0.keys().map(String::len).max().unwrap_or(0);
        let row = |(name, outcome): (&String, &Option<String>)| {
            format!("{name:width$}  {}", outcome.as_deref().unwrap_or("did not come to its end"))
        };
        self.0.iter().map(row).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_has_a_line_whatever_came_of_it() {
        let listed =
            "any_log: test\nstore::any_store: test\ntypes::any: test\n\n3 tests, 0 benchmarks\n";
        let mut outcomes = Outcomes::of(listed);
        for line in [
            "running 3 tests",
            "test any_log ... fuzz any_log: 300 tries in 2s",
            "fuzz another: 1 tries in 2s",
            "any_store: OOM_TRACE_FUZZ_SEED=7",
        ] {
            outcomes.take(line);
        }
        let table = "any        did not come to its end\nany_log    300 tries in 2s\n\
                     any_store  OOM_TRACE_FUZZ_SEED=7";
        assert_eq!(outcomes.table(), table);
    }
}
