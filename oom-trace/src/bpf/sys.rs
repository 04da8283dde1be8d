//! The calls whose safety the compiler cannot see: all `unsafe` of user space.
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper, and tokio asks for a promise")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};

use aya::maps::{MapData, RingBuf};
use aya_log::EbpfLogger;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use zerocopy::{Immutable, IntoBytes};

/// Calls bpf(2). `attributes` are the leading members of `union bpf_attr` (include/uapi/linux/bpf.h)
/// for this command; addresses in them are of memory that the caller keeps alive.
pub(super) fn bpf(
    command: libc::c_int,
    attributes: &(impl IntoBytes + Immutable),
) -> io::Result<libc::c_long> {
    let attributes = attributes.as_bytes();
    // SAFETY: the kernel reads `len` bytes of attributes and takes what lies behind them as zero.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), attributes.len()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes the file descriptor that [`bpf`] returned.
pub(super) fn own(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for this call, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What can be waited for: it owns one file descriptor for its whole life.
pub(super) trait OneFd: AsRawFd {}
impl OneFd for RingBuf<MapData> {}
impl OneFd for EbpfLogger<super::log::Stderr> {}

/// Waits for `source` to become readable, in the running tokio runtime.
pub(super) fn readable<T: OneFd>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: its descriptor stays open and the same as long as it lives, and it lives in here.
    let registered = unsafe { AsyncFd::register_with_interest(source, Interest::READABLE) };
    registered.map_err(io::Error::from)
}
