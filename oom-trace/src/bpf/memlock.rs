//! The memory that this process may lock.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Lifts RLIMIT_MEMLOCK, 64 KiB to 8 MiB by default: kernels before 5.11 charge maps to it, and
/// under `mlockall` every later mapping counts.
///
/// # Errors
/// It takes `CAP_SYS_RESOURCE` to raise the hard limit.
pub(crate) fn lift_memlock() -> io::Result<()> {
    Ok(setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?)
}
