//! The reading end of the ring buffer.

use std::io;

use aya::maps::{MapData, RingBuf};
use tokio::io::unix::AsyncFd;

use super::sys::readable;

/// Wakes its reader when the kernel has written, and never else.
#[expect(missing_debug_implementations, reason = "aya's maps have none")]
pub struct Ring(AsyncFd<RingBuf<MapData>>);

impl Ring {
    /// Registers with the runtime.
    ///
    /// # Errors
    /// The kernel cannot poll it.
    pub(super) fn new(ring: RingBuf<MapData>) -> io::Result<Self> {
        readable(ring).map(Self)
    }

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn readable(&mut self) -> io::Result<()> {
        self.0.readable_mut().await?.clear_ready();
        Ok(())
    }

    /// Hands the next record's bytes to `read`, and their room back to the kernel; `None` if there
    /// is none.
    pub fn take<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.0.get_mut().next().map(|bytes| read(&bytes))
    }
}
