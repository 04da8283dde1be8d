//! The agent on a kernel of its own, with that kernel's log and counters as the oracle.
//!
//! `cargo xtask vm` runs these in virtual machines of several kinds, one at a time. On a second
//! processor, a victim may be exiting already while the kernel writes its log: only what does not
//! change then is compared there. The harness is not libtest's: this program is also the processes
//! that the kernel kills, and those must be their own main thread.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]

#[path = "../support/btf.rs"]
mod btf;
mod cgroup;
mod decision;

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
mod panic;
mod rungs;
mod scenario;
mod shared_mm;
mod start;
mod storms;
#[path = "../support/mod.rs"]
mod support;
mod swap;
mod sysctl;
mod trigger;
mod v1;
mod watch;
mod weight;
mod why;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use scenario::Machine;
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
    // The storms come last: after one, the kernel says less for five seconds.
    let families = [
        memcg::SCENARIOS,
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
        global::SCENARIOS,
        why::SCENARIOS,
        storms::SCENARIOS,
        fire::starts::SCENARIOS,
        fire::place::SCENARIOS,
        fire::memory::SCENARIOS,
        fire::disk::SCENARIOS,
        fire::clock::SCENARIOS,
        fire::groups::SCENARIOS,
        fire::random::SCENARIOS,
        fire::many::SCENARIOS,
        panic::SCENARIOS,
    ];
    let here = families.into_iter().flatten().filter(|scenario| scenario.is_for(machine));
    let trials = here.map(|scenario| scenario.trial()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
