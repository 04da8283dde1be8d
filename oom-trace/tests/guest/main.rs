//! The agent on a kernel of its own, with that kernel's log and counters as the oracle.
//!
//! `cargo xtask vm` runs these in a virtual machine with one processor and cgroup v2, one at a time:
//! on a second processor, a victim would be exiting already while the kernel writes its log.
//! The harness is not libtest's: this program is also the processes that the kernel kills, and
//! those must be their own main thread.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]

mod cgroup;
mod hog;
mod many;
mod scenarios;
#[path = "../support/mod.rs"]
mod support;
mod watch;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(hog::COMMAND) {
        hog::run(&args.next().expect("what to do"));
        return ExitCode::SUCCESS;
    }
    let trial = |(name, scenario): &(&str, fn())| {
        let scenario = *scenario;
        Trial::test(*name, move || {
            scenario();
            Ok(())
        })
        .with_ignored_flag(true)
    };
    let trials = scenarios::ALL.iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
