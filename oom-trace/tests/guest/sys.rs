//! The one system call that no crate has a safe form of.
#![expect(unsafe_code, reason = "swapon(2) has no safe wrapper")]

use std::ffi::CStr;
use std::io;

/// Has the kernel swap to this disk.
pub(crate) fn swap_on(disk: &CStr) -> io::Result<()> {
    // SAFETY: the path ends with NUL, and the kernel copies it.
    let result = unsafe { libc::swapon(disk.as_ptr(), 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
