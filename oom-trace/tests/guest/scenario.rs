//! Scenarios as tests, and the account of them that goes home.

use std::any::Any;
use std::fs::{self, File};
use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::Mutex;

use libtest_mimic::{Completion, Trial};
use serde_json::json;

/// One line for each scenario that was run.
const ACCOUNT: &str = "/out/scenarios.jsonl";

/// Where the agent's blocks for people go, of scenarios that are shown in `docs/gallery.md`.
const GALLERY: &str = "/out/gallery";

/// The scenario that is being run, if its blocks are shown.
static SHOWN: Mutex<Option<&str>> = Mutex::new(None);

/// A file for the blocks of the scenario that is being run.
pub(crate) fn gallery() -> Option<PathBuf> {
    let shown = *SHOWN.lock().unwrap();
    fs::create_dir_all(GALLERY).unwrap();
    shown.map(|name| PathBuf::from(GALLERY).join(name).with_extension("txt"))
}

/// A kill that the kernel is made to commit, and what the agent must say of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    name: &'static str,
    machine: Machine,
    shown: bool,
    run: fn(),
    obstacle: fn() -> Option<String>,
}

/// A virtual machine, as `cargo xtask vm` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// One processor, cgroup v2.
    Plain,
    /// Two processors.
    TwoCpus,
    /// Two processors of the 64 that there may be.
    ManyCpus,
    /// Two memory nodes.
    Numa,
    /// A disk to swap to.
    Swap,
    /// The memory controller on cgroup v1.
    CgroupV1,
    /// `lockdown=confidentiality`
    Lockdown,
    /// It is to end in a kernel panic.
    Panic,
    /// Two processors, and room for all that the kernel logs: for what takes long.
    Fire,
}

impl Machine {
    /// The one we are in.
    pub(crate) fn this() -> Self {
        match std::env::var("OOM_TRACE_MACHINE").as_deref() {
            Err(_) | Ok("plain") => Self::Plain,
            Ok("two-cpus") => Self::TwoCpus,
            Ok("many-cpus") => Self::ManyCpus,
            Ok("numa") => Self::Numa,
            Ok("swap") => Self::Swap,
            Ok("cgroup-v1") => Self::CgroupV1,
            Ok("lockdown") => Self::Lockdown,
            Ok("panic") => Self::Panic,
            Ok("fire") => Self::Fire,
            Ok(other) => panic!("no scenario knows the machine {other:?}"),
        }
    }
}

impl Scenario {
    /// For the machine `plain`.
    pub(crate) const fn new(name: &'static str, run: fn()) -> Self {
        Self { name, machine: Machine::Plain, shown: false, run, obstacle: || None }
    }

    pub(crate) const fn on(self, machine: Machine) -> Self {
        Self { machine, ..self }
    }

    /// Its blocks are kept, to be shown.
    pub(crate) const fn shown(self) -> Self {
        Self { shown: true, ..self }
    }

    /// What the running kernel lacks to come into this, asked of the kernel itself.
    pub(crate) const fn unless(self, obstacle: fn() -> Option<String>) -> Self {
        Self { obstacle, ..self }
    }

    pub(crate) fn is_for(&self, machine: Machine) -> bool {
        self.machine == machine
    }

    /// Ignored elsewhere: it needs a kernel of its own.
    pub(crate) fn trial(self) -> Trial {
        Trial::ignorable_test(self.name, move || {
            if let Some(reason) = (self.obstacle)() {
                self.report("not_applicable", Some(&reason));
                return Ok(Completion::ignored_with(reason));
            }
            *SHOWN.lock().unwrap() = self.shown.then_some(self.name);
            match catch_unwind(self.run) {
                Ok(()) => self.report("pass", None),
                Err(panic) => {
                    let reason = words(&*panic);
                    self.report("fail", Some(&reason));
                    return Err(reason.into());
                }
            }
            Ok(Completion::Completed)
        })
        .with_ignored_flag(true)
    }

    fn report(&self, result: &str, reason: Option<&str>) {
        let line = json!({ "scenario": self.name, "result": result, "reason": reason });
        let mut account = File::options().append(true).create(true).open(ACCOUNT).unwrap();
        account.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// What it panicked with.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("it panicked").to_owned()
}
