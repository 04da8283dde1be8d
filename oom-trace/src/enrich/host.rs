//! Which machine and which boot this is.

use std::fs;
use std::io;

use super::clock::Clock;
use crate::incident::model::Origin;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// This machine, this boot.
#[derive(Debug, Clone)]
pub struct Host {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// `uname -n`.
    pub name: String,
    /// `uname -r`.
    pub kernel: String,
}

impl Host {
    /// Asks the kernel.
    ///
    /// # Errors
    /// The boot id cannot be read.
    pub fn here() -> io::Result<Self> {
        let uname = rustix::system::uname();
        Ok(Self {
            boot_id: fs::read_to_string(BOOT_ID)?.trim().to_owned(),
            name: uname.nodename().to_string_lossy().into_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
        })
    }

    /// A name for an incident that is unique over boots: eight digits of the boot id, then the
    /// nanosecond of this boot in which it started.
    #[must_use]
    pub fn incident(&self, id: u64) -> String {
        format!("{}-{id}", self.boot_id.get(..8).unwrap_or(&self.boot_id))
    }

    /// Where and when something happened.
    #[must_use]
    pub fn origin(&self, boot_ns: u64, clock: Clock) -> Origin {
        Origin {
            time_guessed: None,
            time: Some(clock.wall(boot_ns)),
            boot_ns: Some(boot_ns),
            boot_id: Some(self.boot_id.clone()),
            host: Some(self.name.clone()),
            kernel: Some(self.kernel.clone()),
        }
    }
}
