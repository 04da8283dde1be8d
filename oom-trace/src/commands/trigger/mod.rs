//! `oom-trace trigger`: one real OOM kill, of children that nobody misses.
//!
//! They live in a cgroup of their own, which goes with them. Whatever limit is hit first on a crowded
//! machine, their `oom_score_adj` makes them the ones to die.

mod case;
mod cgroup;
mod child;
mod error;
mod hierarchy;
mod interrupt;
mod recorded;
mod victim;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

pub use self::error::TriggerError;
pub use self::victim::victim;

use self::case::Scene;
use self::cgroup::{Throwaway, Top};
use self::child::Child;
pub(in crate::commands) use self::hierarchy::{Hierarchy, Version};
use self::interrupt::Interrupt;
use crate::cli::{Case, TriggerArgs, VictimArgs};
use crate::incident::model::TEST_VICTIM;
use crate::kernel::vmstat::Vmstat;
use crate::units::{Joined, Size};

/// How long those that were killed together may take to end.
const DEAD_WITHIN: Duration = Duration::from_secs(10);

/// What the kernel killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// The children's process ids, in the pid namespace of this process.
    pub pids: Vec<u32>,
    /// At which limit; `None` if the machine's memory was used up.
    pub at: Option<Limit>,
}

impl Killed {
    /// `process 4711`, or `processes 4711, 4712`
    pub(super) fn processes(&self) -> String {
        let processes = if self.pids.len() == 1 { "process" } else { "processes" };
        let pids: Vec<_> = self.pids.iter().map(u32::to_string).collect();
        format!("{processes} {}", Joined(&pids, ", "))
    }
}

/// The limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Path of its cgroup from the root of the hierarchy, as this cgroup namespace shows it.
    pub cgroup: PathBuf,
    /// How much it allows.
    pub bytes: u64,
}

/// Causes one OOM kill, and waits until it is done and nothing is left of it.
///
/// # Errors
///
/// When the cgroup or a child cannot be made, when the kernel kills nothing, or when SIGINT or
/// SIGTERM comes in between. The cgroup and the children are gone then, too.
pub fn run(args: &TriggerArgs) -> Result<Killed, TriggerError> {
    if args.global { global() } else { limited(args.case, args.memory) }
}

fn limited(case: Case, memory: u64) -> Result<Killed, TriggerError> {
    let scene = Scene::new(case, memory);
    within_reach(memory, scene.swap)?;
    let top = Top::lock(Hierarchy::of_this_system()?)?;
    // From here on there is something to put away.
    let interrupt = Interrupt::listen()?;

    // In this order, so that an early return kills the children before their cgroup is removed.
    let cgroup = Throwaway::create(top, memory, &scene)?;
    let admitted = |args: &VictimArgs| {
        let child = Child::spawn(args)?;
        cgroup.admit(child.pid())?;
        Ok::<_, TriggerError>(child)
    };
    let mut children = Vec::new();
    for args in &scene.holders {
        let mut holder = admitted(args)?;
        holder.begin()?;
        holder.wait_until_it_holds()?;
        children.push(holder);
    }
    let mut last = admitted(&scene.last)?;
    last.begin()?;
    await_end(&last, &interrupt)?;
    let end = last.wait()?;
    children.push(last);
    let kills = cgroup.oom_kills()?;
    if kills == 0 {
        return Err(TriggerError::NotKilled(end));
    }
    let pids = killed(&mut children, kills)?;
    let at = Limit { cgroup: cgroup.path_in_hierarchy(), bytes: cgroup.limit_bytes()? };
    drop(children);
    cgroup.remove()?;
    Ok(Killed { pids, at: Some(at) })
}

/// Uses up the machine's memory.
fn global() -> Result<Killed, TriggerError> {
    let interrupt = Interrupt::listen()?;
    let vmstat = Vmstat::open();
    let before = vmstat.oom_kill();
    let mut child = Child::spawn(&case::global())?;
    child.begin()?;
    await_end(&child, &interrupt)?;
    let end = child.wait()?;
    if !child.was_killed()? || before == vmstat.oom_kill() {
        return Err(TriggerError::NotKilled(end));
    }
    Ok(Killed { pids: vec![child.pid()], at: None })
}

/// Waits until a child has ended.
fn await_end(child: &Child, interrupt: &Interrupt) -> Result<(), TriggerError> {
    let mut ends = [PollFd::new(interrupt, PollFlags::IN), PollFd::new(child, PollFlags::IN)];
    retry_on_intr(|| poll(&mut ends, None))
        .map_err(TriggerError::system("wait for the child (poll)"))?;
    // Ctrl-C reaches the child as well, so both may be true.
    if interrupt.came() { Err(TriggerError::Interrupted) } else { Ok(()) }
}

/// Which of them were killed, once so many have been.
fn killed(children: &mut [Child], kills: u64) -> Result<Vec<u32>, TriggerError> {
    let deadline = Instant::now() + DEAD_WITHIN;
    loop {
        let mut pids = Vec::new();
        let mut alive = Vec::new();
        for child in &mut *children {
            match child.was_killed()? {
                true => pids.push(child.pid()),
                false => alive.push(&*child),
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if pids.len() as u64 >= kills || alive.is_empty() || left.is_zero() {
            return Ok(pids);
        }
        let mut ends: Vec<_> = alive.iter().map(|it| PollFd::new(*it, PollFlags::IN)).collect();
        let left = Timespec::try_from(left).ok();
        retry_on_intr(|| poll(&mut ends, left.as_ref()))
            .map_err(TriggerError::system("wait for the children (poll)"))?;
    }
}

/// [`run`], and a line on standard output that says what died; where an agent is running that keeps its
/// records, one more of its record.
///
/// # Errors
///
/// As [`run`], when the agent has no record of it, and when standard output takes no line; a closed pipe
/// is no error.
pub fn run_and_print(args: &TriggerArgs) -> Result<(), TriggerError> {
    let agent = recorded::Agent::running();
    let killed = run(args)?;
    print(&told(&killed))?;
    match agent {
        Some(agent) => print(&agent.record_of(&killed)?),
        None => Ok(()),
    }
}

/// `the kernel killed process 4711 (oom-victim) in cgroup /x at its limit of 32.0 MiB`
fn told(killed: &Killed) -> String {
    let of = match &killed.at {
        Some(Limit { cgroup, bytes }) => {
            format!("in cgroup {} at its limit of {}", cgroup.display(), Size(*bytes))
        }
        None => "because the machine had no memory left".to_owned(),
    };
    format!("the kernel killed {} ({TEST_VICTIM}) {of}", killed.processes())
}

fn print(line: &str) -> Result<(), TriggerError> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(TriggerError::Print(error)),
        _ => Ok(()),
    }
}

/// A limit above what the machine has left would take other processes with it.
fn within_reach(memory: u64, swap: u64) -> Result<(), TriggerError> {
    let path = "/proc/meminfo";
    let meminfo =
        std::fs::read_to_string(path).map_err(|source| TriggerError::io("read", path, source))?;
    let available = bytes(&meminfo, "MemAvailable:").unwrap_or(u64::MAX);
    if memory > available / 2 {
        return Err(TriggerError::TooMuch { memory, available });
    }
    let free = bytes(&meminfo, "SwapFree:").unwrap_or_default();
    if swap > free {
        return Err(TriggerError::NoSwap { wanted: swap, free });
    }
    Ok(())
}

fn bytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       24682276 kB\nMemFree:  9 kB\nMemAvailable:   21545444 kB\n";
        assert_eq!(bytes(meminfo, "MemAvailable:"), Some(21_545_444 << 10));
        assert_eq!(bytes("MemTotal: 1 kB\n", "MemAvailable:"), None);
    }

    #[test]
    fn what_died_is_said_in_a_line() {
        let at = |pids: &[u32]| Killed {
            pids: pids.to_vec(),
            at: Some(Limit { cgroup: "/x".into(), bytes: 32 << 20 }),
        };
        let one = "the kernel killed process 7 (oom-victim) in cgroup /x at its limit of 32.0 MiB";
        assert_eq!(told(&at(&[7])), one);
        assert!(
            told(&at(&[7, 8])).starts_with("the kernel killed processes 7, 8 (oom-victim) in ")
        );
        let all = told(&Killed { pids: vec![7], at: None });
        assert!(all.ends_with("because the machine had no memory left"), "{all}");
    }
}
