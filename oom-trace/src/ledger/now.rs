//! This machine, now.

use std::io;

use jiff::Timestamp;

use super::boot::Boot;
use super::point::{Point, Sign};
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::kernel::vmstat::Vmstat;

/// This machine, now.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) host: Host,
    clock: Clock,
    /// The kernel's count of kills since the boot.
    count: Option<u64>,
}

impl Now {
    /// Asks the kernel.
    ///
    /// # Errors
    /// It does not tell which boot this is.
    pub(crate) fn here() -> io::Result<Self> {
        let host = Host::here()?;
        // The count first: what is told of as of later than the clock is not in it.
        let count = Vmstat::open().oom_kill();
        Ok(Self { host, clock: Clock::now(), count })
    }

    /// When that was.
    pub(crate) fn time(&self) -> Timestamp {
        self.clock.wall(self.clock.boot_ns())
    }

    pub(super) fn boot(&self) -> Boot {
        let now = Point { ns: self.clock.boot_ns(), count: self.count, sign: Sign::Now };
        Boot {
            points: vec![Point::BOOT, now],
            ..Boot::begun(&self.host.boot_id, self.clock.wall(0))
        }
    }
}
