//! When a message of the running kernel's log was written.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::enrich::clock::Clock;

/// A shorter suspension moves no kill by a time that matters.
const SHORT: Duration = Duration::from_secs(1);

/// The clock of the kernel's log, beside the others at one moment.
///
/// Messages are stamped by `local_clock` (`vprintk_store` in kernel/printk/printk.c, v6.1), which counts as
/// `CLOCK_MONOTONIC_RAW` does: NTP does not steer it, so that after weeks it may be minutes from
/// `CLOCK_BOOTTIME`. They are taken to have gone apart evenly since the boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogClock {
    now: Clock,
    /// What it is at now, in nanoseconds.
    log_ns: u64,
}

impl LogClock {
    /// Reads them. `None` if the machine slept, which the log does not count: nobody says before or after
    /// which message that was.
    pub(crate) fn now() -> Option<Self> {
        let log_ns = nanoseconds(ClockId::MonotonicRaw);
        let is_whole = suspended() < SHORT && log_ns > 0;
        is_whole.then(|| Self { now: Clock::now(), log_ns })
    }

    /// The wall-clock time of a message, by its stamp in nanoseconds.
    pub(crate) fn wall(self, stamp_ns: u64) -> Timestamp {
        let steered = u128::from(stamp_ns) * u128::from(self.now.boot_ns());
        let boot_ns = steered / u128::from(self.log_ns);
        self.now.wall(u64::try_from(boot_ns).unwrap_or(u64::MAX))
    }
}

/// How long this machine slept since it booted.
pub(crate) fn suspended() -> Duration {
    let awake = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(awake)
}

fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

fn nanoseconds(clock: ClockId) -> u64 {
    u64::try_from(read(clock).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_steers_is_told_by_one_that_is() {
        let now = Clock::now();
        // It has lost a hundredth.
        let log_ns = now.boot_ns() / 100 * 99;
        let clock = LogClock { now, log_ns };
        let apart = |stamp_ns, boot_ns| {
            let apart = clock.wall(stamp_ns).duration_since(now.wall(boot_ns));
            apart.unsigned_abs() < Duration::from_millis(1)
        };
        assert!(apart(log_ns, now.boot_ns()), "now");
        assert!(apart(log_ns / 2, now.boot_ns() / 2), "halfway");
        assert!(apart(0, 0), "at the boot");
        assert!(!apart(log_ns, log_ns));
    }
}
