//! How people help themselves: `cargo xtask --help`.

mod artifacts;
mod bench;
mod dist;
mod fuzz;
mod lint;
mod miri;
mod parts;
mod pictures;
mod setup;
mod sh;
mod soak;
mod test;
mod vm;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use xtask::job::BENCH_PARTS;

use crate::artifacts::Binary;
use crate::dist::DistArgs;
use crate::fuzz::FuzzArgs;
use crate::sh::say;
use crate::vm::matrix::{self, Selection};
use crate::vm::power_cut::{self, PowerCutArgs};
use crate::vm::system::{self, SystemArgs};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Sets up, builds, runs, tests and measures oom-trace")]
struct Args {
    /// Install what is missing without asking
    #[arg(long, short, global = true)]
    yes: bool,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make this machine able to build the project; does nothing where it is
    Setup,
    /// Build the agent: one static binary, optimised
    Build,
    /// Build the agent and run it, with the privileges it needs
    Run {
        /// The agent's arguments
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Make packages, a tarball and an image, the same bytes wherever they are made
    Dist(DistArgs),
    /// Run all tests, here and on each kernel
    Test,
    /// Have kills of all kinds in two virtual machines for a while, with every output and one of them dead, and
    /// draw what the agent took of the machine
    Soak {
        /// How long, on each
        #[arg(long, value_name = "N", default_value_t = 60)]
        minutes: u64,
        /// Only draw what the last run left
        #[arg(long, conflicts_with = "minutes")]
        draw: bool,
    },
    /// Try random input for a while: what the eBPF program writes, logs, the kernel's types and symbols,
    /// configurations, stores, paths of cgroups
    Fuzz(FuzzArgs),
    /// Run what is unsafe in user space in an interpreter that knows what may be done with memory
    Miri,
    /// Draw the pictures in docs/ anew, and look at the report's page in a browser
    Pictures,
    /// Check format, lints, documentation, dependencies, spelling and our own rules
    Lint,
    /// Measure the agent, alone and beside other tools, and write docs/benchmarks.md
    Bench {
        /// Only this, printed and not written
        #[arg(value_parser = BENCH_PARTS)]
        part: Option<String>,
        /// Write nothing: fail when a row got worse than in docs/benchmarks.md by more than a tenth
        #[arg(long, conflicts_with = "part")]
        check: bool,
        /// A page measured before, to check instead of measuring
        #[arg(long, value_name = "FILE", requires = "check")]
        from: Option<PathBuf>,
    },
    /// Install the package on Debian in a virtual machine, and try there what only a whole system shows
    System(SystemArgs),
    /// Take the power from a virtual machine while kills are saved, again and again, and look at the store
    PowerCut(PowerCutArgs),
    /// Boot a kernel in a virtual machine and run the agent's tests there, or a command
    Vm {
        /// The kernel's name in the table
        #[arg(long, value_name = "NAME", required_unless_present = "all")]
        kernel: Option<String>,
        /// Each kernel of the table; all tests on all of them write docs/kernels.md
        #[arg(long, conflicts_with = "kernel")]
        all: bool,
        /// Only what `cargo xtask test` boots, and of it no more than is run there
        #[arg(long, conflicts_with = "command")]
        sample: bool,
        /// Only the guests whose last run was not a good one of all tests; the accounts of the others stand
        #[arg(long, conflicts_with = "command")]
        failed: bool,
        /// The machine's name in the table; without it all tests run on each, a command on `plain`
        #[arg(long, value_name = "NAME")]
        machine: Option<String>,
        /// How long random faults go on, on the machine `soak`; they say the seed by which
        /// OOM_TRACE_FAULT_SEED makes them again [default: 10]
        #[arg(long, value_name = "N")]
        minutes: Option<u64>,
        /// The command, by its path in the guest: /bin/oom-trace, /bin/guest-tests
        #[arg(last = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let Args { yes, task } = Args::parse();
    if yes {
        setup::consent::give();
    }
    match work(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            sh::complain(&err);
            ExitCode::FAILURE
        }
    }
}

fn work(task: Task) -> Result<()> {
    match task {
        Task::Setup => setup::run().map(drop),
        Task::Build => build().map(drop),
        Task::Run { args } => Err(sh::exec(sh::as_root(build()?).args(args))),
        Task::Dist(args) => dist::run(&args),
        Task::Test => test::run(),
        Task::Fuzz(args) => {
            setup::run()?;
            fuzz::run(&args)
        }
        Task::Soak { draw: true, .. } => soak::draw(),
        Task::Soak { minutes, draw: false } => {
            setup::run()?;
            soak::run(minutes)
        }
        Task::Miri => miri::run(),
        Task::Pictures => pictures::run(),
        Task::Lint => lint::run(&setup::run()?),
        Task::Bench { part: _, check: true, from: Some(page) } => bench::check(Some(page)),
        Task::Bench { part, check, from: _ } => {
            setup::run()?;
            if check { bench::check(None) } else { bench::run(part) }
        }
        Task::System(args) => system::run(&args),
        Task::PowerCut(args) => {
            setup::run()?;
            power_cut::run(&args)
        }
        Task::Vm { kernel, all: _, sample, failed, machine, minutes, command } => {
            setup::run()?;
            vm(&Selection { kernel, machine, failed, minutes, sample }, &command)
        }
    }
}

fn build() -> Result<PathBuf> {
    setup::run()?;
    let agent = artifacts::build(Binary::AGENT)?;
    let size = fs::metadata(&agent)?.len();
    say(format!("{} ({size} bytes)", agent.display()));
    Ok(agent)
}

fn vm(selection: &Selection, command: &[String]) -> Result<()> {
    if !command.is_empty() {
        return matrix::command(selection, command);
    }
    let results = matrix::tests(selection)?;
    let broken = results.broken();
    if !broken.is_empty() {
        bail!("failed: {}", broken.join(", "));
    }
    for page in results.pages(selection)? {
        page.write()?;
        say(format!("written to {}", page.path));
    }
    Ok(())
}

#[cfg(test)]
#[path = "../../oom-trace/tests/support/pages.rs"]
mod pages;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// As `oom-trace/tests/docs` does with the agent's.
    #[test]
    fn every_command_of_the_pages_is_one_that_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        // A page has one read it.
        fs::write(folder.path().join("dmesg.txt"), "").unwrap();
        let begun = pages::commands(&sh::root(), folder.path());
        let mut ours = 0;
        for begun in
            begun.iter().filter(|it| it.words.starts_with(&["cargo".into(), "xtask".into()]))
        {
            let (place, words) = (&begun.place, &begun.words);
            if let Some(name) = begun.name(&["cargo", "xtask"]) {
                assert!(Args::command().find_subcommand(name).is_some(), "{place}: {name}");
            } else if let Err(error) = Args::try_parse_from(&words[1..]) {
                panic!("{place}: {words:?}: {error}");
            }
            ours += 1;
        }
        assert!(ours > 20, "{ours}");
    }
}
