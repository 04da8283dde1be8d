//! What `/proc` says of a thread while it is there.

use std::fs;

use rustix::param::clock_ticks_per_second;

use crate::files::stat_fields;
use crate::kernel::namespace;

/// From `/proc/PID/task/TID/stat`; see proc_pid_stat(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread {
    /// `minflt` and `majflt`: page faults that it is done with.
    pub faults: u64,
    /// `utime`, in clock ticks: how long it has run in user space. The kernel estimates how its run
    /// time is split by what it was doing at each tick (`cputime_adjust`, kernel/sched/cputime.c).
    pub user: u64,
    /// `stime`, in clock ticks: the rest of it.
    pub system: u64,
    /// `starttime`, in clock ticks since boot.
    pub started: u64,
    /// Whether it is a zombie, or about to be gone.
    pub is_dead: bool,
    /// Whether it has begun to exit, or is dead.
    pub is_exiting: bool,
}

/// `PF_EXITING` (include/linux/sched.h)
const PF_EXITING: u64 = 0x4;

impl Thread {
    /// Whether an id of the kernel's is the same thread's in `/proc`: elsewhere than in the initial namespace of
    /// pids it is another's, or nobody's.
    #[must_use]
    pub fn is_named_by_kernel() -> bool {
        namespace::is_first_of_pids() == Some(true)
    }

    /// Of this process and thread id; `None` if there is none.
    #[must_use]
    pub fn read(pid: u32, tid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?)
    }

    /// Whether it is the one that started at this moment, on `CLOCK_BOOTTIME` in nanoseconds.
    #[must_use]
    pub fn started_at(self, boot_ns: u64) -> bool {
        let tick_ns = 1_000_000_000 / clock_ticks_per_second().max(1);
        self.started == boot_ns / tick_ns.max(1)
    }

    /// Fields 3, 9, 10, 12, 14, 15 and 22.
    fn parse(stat: &[u8]) -> Option<Self> {
        let mut fields = stat_fields(stat)?;
        let is_dead = matches!(fields.next()?, "Z" | "X");
        let flags: u64 = fields.nth(5)?.parse().ok()?;
        let minor: u64 = fields.next()?.parse().ok()?;
        let major: u64 = fields.nth(1)?.parse().ok()?;
        let user = fields.nth(1)?.parse().ok()?;
        let system = fields.next()?.parse().ok()?;
        let started = fields.nth(6)?.parse().ok()?;
        let (faults, is_exiting) = (minor + major, is_dead || flags & PF_EXITING != 0);
        Some(Self { faults, user, system, started, is_dead, is_exiting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_time_is_found_behind_its_name() {
        let stat = b"7 (a) Z 1 (x) R 1 7 7 0 -1 4194304 200 8 3 9 12 34 0 0 20 0 1 0 987 1 2\n";
        let expected = Thread {
            faults: 203,
            user: 12,
            system: 34,
            started: 987,
            is_dead: false,
            is_exiting: false,
        };
        assert_eq!(Thread::parse(stat), Some(expected));
        let dead = b"7 (a) Z 1 7 7 0 -1 4194304 200 8 3 9 12 34 0 0 20 0 1 0 987 1 2\n";
        let gone = Thread { is_dead: true, is_exiting: true, ..expected };
        assert_eq!(Thread::parse(dead), Some(gone));
        let exiting = b"7 (a) b) D 1 7 7 0 -1 4194308 200 8 3 9 12 34 0 0 20 0 1 0 987 1 2\n";
        assert_eq!(Thread::parse(exiting), Some(Thread { is_exiting: true, ..expected }));
        assert_eq!(Thread::parse(b"7 (a) R 1"), None);
        assert!(expected.started_at(9_879_999_999) && !expected.started_at(9_880_000_000));
    }

    #[test]
    fn this_thread_is_there() {
        let pid = std::process::id();
        let (first, again) = (Thread::read(pid, pid).unwrap(), Thread::read(pid, pid).unwrap());
        assert_eq!(first.started, again.started);
        assert!(!first.is_dead);
        assert_eq!(Thread::read(pid, u32::MAX), None);
    }
}
