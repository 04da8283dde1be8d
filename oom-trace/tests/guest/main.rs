//! The agent on a kernel of its own, with that kernel's log and counters as the oracle.
//!
//! `cargo xtask vm` runs these in virtual machines of several kinds, one at a time. On a second
//! processor, a victim may be exiting already while the kernel writes its log: only what does not
//! change then is compared there. The harness is not libtest's: this program is also the processes
//! that the kernel kills, and those must be their own main thread.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]
#![expect(clippy::print_stderr, reason = "who asks for what is not here is told")]

#[path = "../support/btf.rs"]
mod btf;
mod cgroup;
mod decision;
mod described;

#[path = "../support/dump.rs"]
mod dump;
mod exit;
mod exiting;
mod fire;
mod global;
mod group;
mod hog;
mod identity;
mod lacking;
mod memcg;
mod names;
mod namespaces;
mod numa;
#[path = "../support/numbers.rs"]
mod numbers;
mod panic;
mod rungs;
mod scenario;
mod shared_mm;
mod soak;
mod start;
mod storms;
#[path = "../support/mod.rs"]
mod support;
mod swap;
mod sys;
mod sysctl;
mod tries;
mod trigger;
mod v1;
mod verify;
mod watch;
mod weight;
mod why;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use scenario::{Machine, Scenario, Scope};
use support::log;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if let [command, rest @ ..] = args.as_slice()
        && let Some((_, run)) = hog::COMMANDS.iter().find(|(name, _)| name == command)
    {
        run(rest);
        return ExitCode::SUCCESS;
    }
    let machine = Machine::this();
    // The storms come last: after one, the kernel says less for five seconds, and whoever starts later
    // finds hundreds of kills in the log.
    let families = [
        memcg::SCENARIOS,
        described::SCENARIOS,
        v1::SCENARIOS,
        group::SCENARIOS,
        shared_mm::SCENARIOS,
        exiting::SCENARIOS,
        identity::SCENARIOS,
        exit::SCENARIOS,
        namespaces::SCENARIOS,
        names::SCENARIOS,
        numa::SCENARIOS,
        swap::SCENARIOS,
        rungs::SCENARIOS,
        lacking::SCENARIOS,
        start::SCENARIOS,
        weight::SCENARIOS,
        trigger::SCENARIOS,
        verify::SCENARIOS,
        global::SCENARIOS,
        why::SCENARIOS,
        fire::starts::SCENARIOS,
        fire::place::SCENARIOS,
        fire::memory::SCENARIOS,
        fire::disk::SCENARIOS,
        fire::clock::SCENARIOS,
        fire::store::SCENARIOS,
        fire::taken::SCENARIOS,
        fire::sleep::SCENARIOS,
        fire::pstore::SCENARIOS,
        fire::thrash::SCENARIOS,
        fire::tracers::SCENARIOS,
        fire::limits::SCENARIOS,
        fire::groups::SCENARIOS,
        fire::random::SCENARIOS,
        fire::many::SCENARIOS,
        soak::SCENARIOS,
        storms::SCENARIOS,
        described::OVERFLOWS,
        verify::OVERFLOWS,
        rungs::OVERFLOWS,
        panic::SCENARIOS,
    ];
    let scope = Scope::this();
    let all = families.into_iter().flatten();
    let here = all.clone().filter(|scenario| scenario.is_for(machine, scope));
    let (mut here, rest): (Vec<Scenario>, Vec<_>) =
        here.partition(|scenario| scenario.is_sharing());
    here.extend(rest);
    let trials = here.into_iter().map(|scenario| scenario.trial()).collect();
    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, trials);
    watch::part();
    scenario::say_costs();
    if let Some(name) = &arguments.filter
        && conclusion.num_passed + conclusion.num_failed + conclusion.num_ignored == 0
        && !arguments.list
    {
        // A run of nothing would look like one that went well.
        let elsewhere: Vec<_> = all.filter_map(|scenario| scenario.named(name)).collect();
        eprintln!("no scenario {name:?} here ({machine:?}); elsewhere: {elsewhere:?}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}
