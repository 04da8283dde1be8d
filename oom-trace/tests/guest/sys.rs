//! The few system calls that no crate has a safe form of.
#![expect(
    unsafe_code,
    reason = "swapon(2), bpf(2), FIFREEZE and adjtimex(2) have no safe wrappers"
)]

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

/// Has the kernel swap to this disk.
pub(crate) fn swap_on(disk: &CStr) -> io::Result<()> {
    // SAFETY: the path ends with NUL, and the kernel copies it.
    let result = unsafe { libc::swapon(disk.as_ptr(), 0) };
    answered(result.into()).map(drop)
}

/// Calls bpf(2) for a command whose attributes are numbers, and leaves there what the kernel answers.
pub(crate) fn bpf(command: libc::c_int, attributes: &mut [u32; 4]) -> io::Result<u32> {
    let (start, len) = (attributes.as_mut_ptr(), size_of_val(attributes));
    // SAFETY: the kernel reads and writes `len` bytes of attributes, of which none is an address.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, start, len) };
    answered(result)
}

/// As [`bpf`], for a command that answers with a descriptor.
pub(crate) fn bpf_descriptor(command: libc::c_int, id: u32) -> io::Result<OwnedFd> {
    let number = bpf(command, &mut [id, 0, 0, 0])?;
    // SAFETY: the kernel has just given us this descriptor, which nobody else knows of.
    Ok(unsafe { OwnedFd::from_raw_fd(number.cast_signed()) })
}

/// Takes an element out of an array of things.
pub(crate) fn delete_element(map: impl AsFd, key: u32) -> io::Result<()> {
    const BPF_MAP_DELETE_ELEM: libc::c_int = 3;
    let map = u64::from(map.as_fd().as_raw_fd().cast_unsigned());
    let attributes = [map, (&raw const key).expose_provenance() as u64];
    let (start, len) = (attributes.as_ptr(), size_of_val(&attributes));
    // SAFETY: the attributes name a key that lives for as long as the call takes.
    let result = unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_DELETE_ELEM, start, len) };
    answered(result).map(drop)
}

/// Has the file system that this is on wait with all that is to be written, until it thaws.
pub(crate) fn freeze(file: &File) -> io::Result<()> {
    const FIFREEZE: libc::Ioctl = 0xc004_5877_u32 as libc::Ioctl;
    // SAFETY: the kernel ignores the argument.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), FIFREEZE, 0) };
    answered(result.into()).map(drop)
}

/// Lets it go on.
pub(crate) fn thaw(file: &File) -> io::Result<()> {
    const FITHAW: libc::Ioctl = 0xc004_5878_u32 as libc::Ioctl;
    // SAFETY: the kernel ignores the argument.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), FITHAW, 0) };
    answered(result.into()).map(drop)
}

/// Has the steered clocks go on by so many microseconds a tick, of which there are a hundred a second.
pub(crate) fn steer(tick: i64) -> io::Result<()> {
    // SAFETY: all of it are numbers, for which zero is one.
    let mut timex: libc::timex = unsafe { mem::zeroed() };
    timex.modes = libc::ADJ_TICK;
    timex.tick = tick;
    // SAFETY: the kernel reads it, and writes into it what the clock is like.
    let result = unsafe { libc::adjtimex(&raw mut timex) };
    answered(result.into()).map(drop)
}

fn answered(result: libc::c_long) -> io::Result<u32> {
    u32::try_from(result).map_err(|_| io::Error::last_os_error())
}
