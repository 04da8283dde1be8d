//! Scenarios as tests, and the account of them that goes home.

#![expect(clippy::print_stdout, reason = "where the time went is worth seeing")]

use std::any::Any;
use std::fs::{self, File};
use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Trial};
use serde_json::json;

use crate::support::agent::STARTS;
use crate::watch::part;

/// One line for each scenario that was run.
const ACCOUNT: &str = "/out/scenarios.jsonl";

/// Where the agent's blocks for people go, of scenarios that are shown in `docs/gallery.md`.
const GALLERY: &str = "/out/gallery";

/// The scenario that is being run, if its blocks are shown.
static SHOWN: Mutex<Option<&str>> = Mutex::new(None);

/// What each that was run has cost.
static COSTS: Mutex<Vec<Cost>> = Mutex::new(Vec::new());

/// What a scenario has cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    name: &'static str,
    time: Duration,
    /// Agents that it started.
    agents: usize,
}

/// How many of the slowest are named.
const SLOWEST: usize = 10;

/// Says where the time went.
pub(crate) fn say_costs() {
    let mut costs = std::mem::take(&mut *COSTS.lock().unwrap());
    if costs.is_empty() {
        return;
    }
    costs.sort_unstable_by_key(|cost| std::cmp::Reverse(cost.time));
    let time: Duration = costs.iter().map(|cost| cost.time).sum();
    let agents: usize = costs.iter().map(|cost| cost.agents).sum();
    println!("{} scenarios in {:.0?}, {agents} agents; the slowest:", costs.len(), time);
    for Cost { name, time, agents } in costs.iter().take(SLOWEST) {
        println!("{:7.1} s {agents:3} agents  {name}", time.as_secs_f64());
    }
}

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
    on_each_kernel: bool,
    is_sharing: bool,
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
    /// A disk with a file system on it.
    Disk,
    /// The memory controller on cgroup v1.
    CgroupV1,
    /// `lockdown=confidentiality`
    Lockdown,
    /// It is to end in a kernel panic.
    Panic,
    /// After a panic it boots again, with what pstore kept.
    Pstore,
    /// As many processors as its name says.
    SixtyFour,
    /// Two processors, and room for all that the kernel logs: for thousands of kills.
    Storm,
    /// The same, for what is done to the agent and takes long.
    Fire,
    /// The same, for what goes on for as long as one likes.
    Soak,
}

impl Machine {
    /// The one we are in.
    pub(crate) fn this() -> Self {
        match std::env::var("OOM_TRACE_MACHINE").as_deref() {
            // The other one runs none of them.
            Err(_) | Ok("plain" | "power-cut") => Self::Plain,
            Ok("two-cpus") => Self::TwoCpus,
            Ok("many-cpus") => Self::ManyCpus,
            Ok("numa") => Self::Numa,
            Ok("swap") => Self::Swap,
            Ok("disk") => Self::Disk,
            Ok("cgroup-v1") => Self::CgroupV1,
            Ok("lockdown") => Self::Lockdown,
            Ok("panic") => Self::Panic,
            Ok("pstore") => Self::Pstore,
            Ok("sixty-four") => Self::SixtyFour,
            Ok("storm") => Self::Storm,
            Ok("fire") => Self::Fire,
            Ok("soak") => Self::Soak,
            Ok(other) => panic!("no scenario knows the machine {other:?}"),
        }
    }
}

/// How much of what there is a guest runs, as `cargo xtask` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All, at its full size.
    All,
    /// Each scenario of the machine, with fewer kills: for every change, on one kernel.
    Change,
    /// The same, and only what may differ from kernel to kernel.
    Kernel,
}

impl Scope {
    /// The one of this run.
    pub(crate) fn this() -> Self {
        match std::env::var("OOM_TRACE_SCOPE").as_deref() {
            Err(_) | Ok("all") => Self::All,
            Ok("change") => Self::Change,
            Ok("kernel") => Self::Kernel,
            Ok(other) => panic!("no such scope: {other:?}"),
        }
    }
}

/// The first where all is run; for every change, which nobody should wait for too long, the second.
pub(crate) fn sized<T>(all: T, change: T) -> T {
    if Scope::this() == Scope::All { all } else { change }
}

impl Scenario {
    /// For the machine `plain`; for every change on one kernel, and with all that there is on each.
    pub(crate) const fn new(name: &'static str, run: fn()) -> Self {
        Self {
            name,
            machine: Machine::Plain,
            on_each_kernel: false,
            is_sharing: false,
            shown: false,
            run,
            obstacle: || None,
        }
    }

    /// It needs no more than an agent that is attached: the one that all such scenarios share, which
    /// come before the others.
    pub(crate) const fn sharing(self) -> Self {
        Self { is_sharing: true, ..self }
    }

    pub(crate) fn is_sharing(&self) -> bool {
        self.is_sharing
    }

    /// What may differ from kernel to kernel: for every change on each that is booted then.
    pub(crate) const fn on_each_kernel(self) -> Self {
        Self { on_each_kernel: true, ..self }
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

    pub(crate) fn is_for(&self, machine: Machine, scope: Scope) -> bool {
        self.machine == machine && (self.on_each_kernel || scope != Scope::Kernel)
    }

    /// Its name, if this is part of it, and where it is run.
    pub(crate) fn named(&self, part: &str) -> Option<(&'static str, Machine)> {
        self.name.contains(part).then_some((self.name, self.machine))
    }

    /// Ignored elsewhere: it needs a kernel of its own.
    pub(crate) fn trial(self) -> Trial {
        Trial::ignorable_test(self.name, move || {
            if let Some(reason) = (self.obstacle)() {
                self.report("not_applicable", Some(&reason), Duration::ZERO);
                return Ok(Completion::ignored_with(reason));
            }
            *SHOWN.lock().unwrap() = self.shown.then_some(self.name);
            let (begun, agents) = (Instant::now(), STARTS.load(Ordering::Relaxed));
            let ended = catch_unwind(|| {
                if !self.is_sharing {
                    part();
                }
                (self.run)();
            });
            let agents = STARTS.load(Ordering::Relaxed) - agents;
            let time = begun.elapsed();
            COSTS.lock().unwrap().push(Cost { name: self.name, time, agents });
            match ended {
                Ok(()) => self.report("pass", None, time),
                Err(panic) => {
                    let reason = words(&*panic);
                    self.report("fail", Some(&reason), time);
                    return Err(reason.into());
                }
            }
            Ok(Completion::Completed)
        })
        .with_ignored_flag(true)
    }

    fn report(&self, result: &str, reason: Option<&str>, time: Duration) {
        let seconds = time.as_secs_f64();
        let line = json!({
            "scenario": self.name, "result": result, "reason": reason, "seconds": seconds
        });
        let mut account = File::options().append(true).create(true).open(ACCOUNT).unwrap();
        account.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// What it panicked with.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("it panicked").to_owned()
}
