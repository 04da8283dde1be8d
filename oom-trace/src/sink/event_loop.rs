//! What waits for files and for time.

use std::io;
use std::os::unix::net::UnixStream;

use tokio::runtime::{Builder, Runtime};

/// What to do where there can be no runtime.
pub(crate) const REFUSED: &str =
    "cannot wait for events: raise the limit of open files (ulimit -n, LimitNOFILE=)";

/// A runtime for one thread.
///
/// # Errors
/// The kernel gives no file descriptor.
pub(crate) fn of_one_thread() -> io::Result<Runtime> {
    // What a runtime takes: the last of it is a pair for signals, without which tokio panics.
    drop([UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?]);
    Builder::new_current_thread().enable_all().build()
}
