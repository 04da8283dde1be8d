//! What a guest carries, and what it does.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use xtask::job::Step;

use super::account;
use super::arch::Arch;
use super::machines::{Machine, PLAIN};
use crate::artifacts::{self, Binary};
use crate::setup::tools::{self, Tool};

/// Where the guest leaves what `oom-trace check --json` printed.
pub(super) const FINDINGS: &str = "check.json";

const AGENT: &str = "/bin/oom-trace";
/// The tests that need a kernel of their own are all marked to be ignored elsewhere.
pub(super) const TESTS: &str = "/bin/guest-tests";
const TIMEOUT: Duration = Duration::from_secs(300);

/// Programs for guests of one architecture, and what to do with them.
pub(crate) struct Payload {
    pub(super) arch: &'static Arch,
    pub(super) init: PathBuf,
    /// Programs by their paths in the guest.
    pub(super) programs: Vec<(&'static str, PathBuf)>,
    /// A folder laid over the root.
    pub(super) tree: Option<PathBuf>,
    /// All tests, where there is none.
    command: Vec<String>,
    /// How much more memory than other payloads it takes.
    pub(super) size: u32,
    /// Silent for so long, the guest hangs.
    pub(super) timeout: Duration,
    /// Whether it is for every change: then a guest runs as much as the sample says.
    pub(super) is_sample: bool,
    /// What its programs find in their environment beside what the machine gives them.
    pub(super) env: Vec<(&'static str, String)>,
}

/// The seed of random faults, to make a run again.
const SEED: &str = "OOM_TRACE_FAULT_SEED";
/// How long they go on.
const SECONDS: &str = "OOM_TRACE_FAULT_SECONDS";

impl Payload {
    /// Builds what all tests need.
    pub(crate) fn of_tests(arch: &'static Arch) -> Result<Self> {
        Self::of_command(&[], arch)?.with(TESTS, Binary::GUEST_TESTS)
    }

    /// Builds what the command needs.
    pub(crate) fn of_command(command: &[String], arch: &'static Arch) -> Result<Self> {
        tools::programs(&[arch.qemu])?;
        let payload = Self {
            arch,
            init: artifacts::build_for(arch, Binary::GUEST_INIT)?,
            programs: vec![(AGENT, artifacts::build_for(arch, Binary::AGENT)?)],
            tree: None,
            command: command.to_vec(),
            size: 1,
            timeout: TIMEOUT,
            is_sample: false,
            env: env::var(SEED).map(|seed| (SEED, seed)).into_iter().collect(),
        };
        if command.first().is_some_and(|program| program == TESTS) {
            return payload.with(TESTS, Binary::GUEST_TESTS);
        }
        Ok(payload)
    }

    /// Has random faults go on for so long, if that is said.
    pub(crate) fn lasting(mut self, minutes: Option<u64>) -> Self {
        self.env.extend(minutes.map(|minutes| (SECONDS, (minutes * 60).to_string())));
        self
    }

    /// For every change.
    pub(crate) fn of_the_sample(self) -> Self {
        Self { is_sample: true, ..self }
    }

    /// Adds a program of ours.
    pub(crate) fn with(mut self, path: &'static str, binary: Binary) -> Result<Self> {
        self.programs.push((path, artifacts::build_for(self.arch, binary)?));
        Ok(self)
    }

    /// Adds a program of somebody else, for guests of this machine's architecture.
    pub(crate) fn with_tool(mut self, path: &'static str, tool: &Tool) -> Result<Self> {
        self.programs.push((path, tool.get()?));
        Ok(self)
    }

    /// Lays a folder over the root; a large one takes memory, and time to unpack.
    pub(crate) fn with_tree(self, root: PathBuf) -> Self {
        Self { tree: Some(root), size: 4, timeout: 4 * TIMEOUT, ..self }
    }

    /// What is done on the machine.
    pub(super) fn steps(&self, machine: &Machine) -> Vec<Step> {
        if !self.command.is_empty() {
            return vec![Step { argv: self.command.clone(), into: None }];
        }
        let step = |argv: &[&str], into: Option<&str>| Step {
            argv: argv.iter().copied().map(str::to_owned).collect(),
            into: into.map(str::to_owned),
        };
        let mut steps = vec![step(&[TESTS, "--ignored", "--list"], Some(account::LIST))];
        if machine.name == PLAIN.name {
            steps.push(step(&[AGENT, "check", "--json"], Some(FINDINGS)));
        }
        steps.push(step(&[TESTS, "--ignored", "--test-threads=1"], None));
        steps
    }
}
