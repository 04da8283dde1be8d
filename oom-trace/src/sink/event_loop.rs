//! What waits for files and for time.

use std::io;
use std::os::unix::net::UnixStream;

use tokio::runtime::{Builder, Runtime};

/// A runtime for one thread.
///
/// # Errors
/// The kernel gives no file descriptor.
pub(crate) fn of_one_thread() -> io::Result<Runtime> {
    // For signals tokio makes such a pair with its first runtime, and panics where it cannot.
    UnixStream::pair()?;
    Builder::new_current_thread().enable_all().build()
}
