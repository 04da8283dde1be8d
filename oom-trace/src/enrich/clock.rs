//! Wall-clock time of the hooks, which read `CLOCK_BOOTTIME`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Both clocks at one moment. Taken anew for each incident: the wall clock is set and slewed.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Timestamp,
    boot: Duration,
}

impl Clock {
    /// Reads both.
    #[must_use]
    pub fn now() -> Self {
        let boot = clock_gettime(ClockId::Boottime);
        let boot = Duration::try_from(boot).unwrap_or_default();
        Self { wall: Timestamp::now(), boot }
    }

    /// `CLOCK_BOOTTIME` in nanoseconds.
    #[must_use]
    pub fn boot_ns(self) -> u64 {
        u64::try_from(self.boot.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The wall-clock time of a moment on `CLOCK_BOOTTIME`, in nanoseconds.
    #[must_use]
    pub fn wall(self, boot_ns: u64) -> Timestamp {
        let ahead = i128::from(boot_ns) - i128::from(self.boot_ns());
        let ahead = SignedDuration::from_nanos(i64::try_from(ahead).unwrap_or(0));
        self.wall.checked_add(ahead).unwrap_or(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_ago_is_a_moment_ago() {
        let clock =
            Clock { wall: Timestamp::from_second(100).unwrap(), boot: Duration::from_secs(50) };
        assert_eq!(clock.wall(49_999_999_999).as_nanosecond(), 99_999_999_999);
        assert_eq!(clock.wall(51_000_000_000).as_second(), 101);
    }
}
