//! `oom-trace trigger`: one real OOM kill, of a child that nobody misses.
//!
//! The child lives in a cgroup of its own, which both goes with it. Whatever limit is hit first on
//! a crowded machine, its `oom_score_adj` makes it the one to die.

mod cgroup;
mod error;
mod hierarchy;
mod interrupt;
mod victim;

use std::io::{self, Write};
use std::path::PathBuf;

pub use self::error::TriggerError;
pub use self::victim::victim;

use self::cgroup::{Throwaway, Top};
pub(in crate::commands) use self::hierarchy::{Hierarchy, Version};
use self::interrupt::Interrupt;
use self::victim::{VICTIM_NAME, Victim};
use crate::cli::TriggerArgs;

/// What the kernel killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// The child's process id, in the pid namespace of this process.
    pub pid: u32,
    /// Path of its cgroup from the root of the hierarchy, as this cgroup namespace shows it.
    pub cgroup: PathBuf,
    /// The limit it ran into.
    pub limit_bytes: u64,
}

/// Causes one OOM kill, and waits until it is done and nothing is left of it.
///
/// # Errors
///
/// When the cgroup or the child cannot be made, when the kernel kills nothing, or when SIGINT or
/// SIGTERM comes in between. The cgroup and the child are gone then, too.
pub fn run(args: &TriggerArgs) -> Result<Killed, TriggerError> {
    within_reach(args.memory)?;
    let top = Top::lock(Hierarchy::of_this_system()?)?;
    // From here on there is something to put away.
    let interrupt = Interrupt::listen()?;

    // In this order, so that an early return kills the child before its cgroup is removed.
    let cgroup = Throwaway::create(top, args.memory)?;
    let mut victim = Victim::spawn(args.memory)?;
    cgroup.admit(victim.pid())?;
    let end = victim.touch_memory_and_die(&interrupt)?;
    if cgroup.oom_kills()? == 0 {
        return Err(TriggerError::NotKilled(end));
    }
    let killed = Killed {
        pid: victim.pid(),
        cgroup: cgroup.path_in_hierarchy(),
        limit_bytes: cgroup.limit_bytes()?,
    };
    cgroup.remove()?;
    Ok(killed)
}

/// [`run`], and a line on standard output that says what died.
///
/// # Errors
///
/// As [`run`], and when standard output takes no line; a closed pipe is no error.
pub fn run_and_print(args: &TriggerArgs) -> Result<(), TriggerError> {
    let Killed { pid, cgroup, limit_bytes } = run(args)?;
    let kib = limit_bytes / 1024;
    let cgroup = cgroup.display();
    match writeln!(
        io::stdout(),
        "the kernel killed process {pid} ({VICTIM_NAME}) in cgroup {cgroup} at its limit of {kib} KiB"
    ) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(TriggerError::Print(error)),
        _ => Ok(()),
    }
}

/// A limit above what the machine has left would take other processes with it.
fn within_reach(memory: u64) -> Result<(), TriggerError> {
    let path = "/proc/meminfo";
    let meminfo =
        std::fs::read_to_string(path).map_err(|source| TriggerError::io("read", path, source))?;
    let available = available_bytes(&meminfo).unwrap_or(u64::MAX);
    if memory > available / 2 {
        return Err(TriggerError::TooMuch { memory, available });
    }
    Ok(())
}

fn available_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       24682276 kB\nMemFree:  9 kB\nMemAvailable:   21545444 kB\n";
        assert_eq!(available_bytes(meminfo), Some(21_545_444 << 10));
        assert_eq!(available_bytes("MemTotal: 1 kB\n"), None);
    }
}
