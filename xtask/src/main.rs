//! How people help themselves: `cargo xtask --help`.

mod artifacts;
mod bench;
mod lint;
mod setup;
mod sh;
mod test;
mod vm;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::artifacts::Binary;
use crate::sh::say;
use crate::vm::Load;
use crate::vm::kernels::{KERNELS, Kernel};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Sets up, builds, runs, tests and measures oom-trace")]
struct Args {
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
    /// Run all tests, here and on each kernel
    Test,
    /// Check format, lints, documentation, dependencies, spelling and our own rules
    Lint,
    /// Measure the agent beside other tools, and write docs/benchmarks.md
    Bench,
    /// Boot a kernel in a virtual machine and run the agent's tests there, or a command
    Vm {
        /// The kernel's name in the table
        #[arg(long, value_name = "NAME", required_unless_present = "all")]
        kernel: Option<String>,
        /// Each kernel of the table
        #[arg(long, conflicts_with = "kernel")]
        all: bool,
        /// Processors of the guest
        #[arg(long, default_value_t = 1)]
        cpus: u32,
        /// The command, by its path in the guest: /bin/oom-trace, /bin/guest-tests
        #[arg(last = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    match work(Args::parse().task) {
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
        Task::Test => {
            setup::run()?;
            test::run()
        }
        Task::Lint => lint::run(&setup::run()?),
        Task::Bench => {
            setup::run()?;
            bench::run()
        }
        Task::Vm { kernel, all: _, cpus, command } => {
            setup::run()?;
            let one = kernel.as_deref().map(Kernel::named).transpose()?;
            vm(one.map_or(KERNELS, std::slice::from_ref), cpus, &command)
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

fn vm(kernels: &[Kernel], cpus: u32, command: &[String]) -> Result<()> {
    let load = Load::new(command, cpus)?;
    let mut failed = Vec::new();
    for kernel in kernels {
        match vm::run(kernel, &load, &mut io::stdout()) {
            Ok(0) => say(format!("guest {}: ok", kernel.name)),
            Ok(code) => failed.push(format!("guest {}: exit status {code}", kernel.name)),
            Err(err) => failed.push(format!("guest {}: {err:#}", kernel.name)),
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}
