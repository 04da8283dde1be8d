//! The calls whose safety the compiler cannot see, and the memory that they map: all `unsafe` of user space.
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper, and tokio asks for a promise")]

mod binary;
mod memory;

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::NonNull;

use aya::maps::{MapData, RingBuf};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub(crate) use self::binary::Pieces;
use self::binary::release_code;
use self::memory::Memory;
pub(super) use self::memory::{Numbers, Pages};

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

/// As [`bpf`], for a command that writes into its attributes.
pub(super) fn bpf_answer(
    command: libc::c_int,
    attributes: &mut (impl IntoBytes + FromBytes),
) -> io::Result<libc::c_long> {
    let attributes = attributes.as_mut_bytes();
    let (start, len) = (attributes.as_mut_ptr(), attributes.len());
    // SAFETY: the kernel reads and writes `len` bytes of attributes, any of which may have any value.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, start, len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Calls perf_event_open(2) for an event of the kernel, seen on all processors. `attributes` are the
/// leading members of `struct perf_event_attr` (include/uapi/linux/perf_event.h), which say how many they
/// are; addresses in them are of memory that the caller keeps alive.
pub(super) fn perf_event_open(attributes: &(impl IntoBytes + Immutable)) -> io::Result<OwnedFd> {
    /// A kprobe's program runs wherever the probe is hit, whichever processor its event is bound to.
    const EVERY_TASK: libc::pid_t = -1;
    const FIRST_CPU: libc::c_int = 0;
    const NO_GROUP: RawFd = -1;
    const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
    let attributes = attributes.as_bytes().as_ptr();
    // SAFETY: the kernel reads as many bytes of attributes as their member `size` says.
    let result = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attributes,
            EVERY_TASK,
            FIRST_CPU,
            NO_GROUP,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { own(result) }
}

/// Has an event run a program from now on.
pub(super) fn enable(event: impl AsFd, program: impl AsFd) -> io::Result<()> {
    // include/uapi/linux/perf_event.h
    const PERF_EVENT_IOC_ENABLE: libc::c_ulong = 0x2400;
    const PERF_EVENT_IOC_SET_BPF: libc::c_ulong = 0x4004_2408;
    let (event, program) = (event.as_fd().as_raw_fd(), program.as_fd().as_raw_fd());
    for (request, argument) in [(PERF_EVENT_IOC_SET_BPF, program), (PERF_EVENT_IOC_ENABLE, 0)] {
        // SAFETY: neither request takes an address.
        let result = unsafe { libc::ioctl(event, request, argument) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
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
#[cfg(feature = "ebpf-log")]
impl<T: log::Log> OneFd for aya_log::EbpfLogger<T> {}

/// Waits for `source` to become readable, in the running tokio runtime.
pub(super) fn readable<T: OneFd>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: its descriptor stays open and the same as long as it lives, and it lives in here.
    let registered = unsafe { AsyncFd::register_with_interest(source, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// The first `len` bytes of a file.
fn map(file: impl AsFd, len: usize, access: ProtFlags, flags: MapFlags) -> io::Result<Memory> {
    // SAFETY: the kernel chooses where, so that nothing else is there.
    let start = unsafe { mmap(std::ptr::null_mut(), len, access, flags, file, 0) }?;
    // SAFETY: it is mapped there, and was filled by the kernel.
    unsafe { Memory::new(start.cast(), len, unmap) }
}

fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: it is what was mapped, and nothing refers to it any more.
    let unmapped = unsafe { munmap(start.as_ptr().cast(), len) };
    debug_assert_eq!(unmapped, Ok(()));
}

impl Pages {
    /// Memory that `fill` has written to.
    pub(super) fn filled(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<Self> {
        let (anywhere, access) = (std::ptr::null_mut(), ProtFlags::READ | ProtFlags::WRITE);
        // All pages at once: a fault for each takes longer.
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: the kernel chooses where, so that nothing else is there.
        let start = unsafe { mmap_anonymous(anywhere, len, access, flags) }?;
        // SAFETY: it is mapped there, and is zero.
        let mut memory = unsafe { Memory::new(start.cast(), len, unmap) }?;
        fill(memory.bytes_mut())?;
        Ok(Self::new(memory))
    }

    /// What a file holds that is the kernel's own memory, as `/sys/kernel/btf/vmlinux` is: nobody
    /// changes or shortens it.
    pub(super) fn of_kernel_file(file: impl AsFd, len: usize) -> io::Result<Self> {
        map(file, len, ProtFlags::READ, MapFlags::PRIVATE).map(Self::new)
    }
}

impl<const N: usize> Numbers<N> {
    /// Maps those of `array`, whose values are of this size.
    pub(super) fn map(array: impl AsFd) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        Self::new(map(array, Self::BYTES, access, MapFlags::SHARED)?)
    }
}

/// Has malloc make one heap for all threads. To be called before there are others. Whether that could be had.
#[must_use]
pub(crate) fn share_heap() -> bool {
    #[cfg(target_env = "gnu")]
    {
        set_malloc(libc::M_ARENA_MAX, 1)
    }
    #[cfg(not(target_env = "gnu"))]
    false
}

/// Has malloc keep what it once got: the heap never shrinks, and large pieces come from it as well, so that what
/// was in use before needs no new page. Whether that could be had.
#[must_use]
pub(crate) fn keep_heap() -> bool {
    #[cfg(target_env = "gnu")]
    {
        // -1 is "never" for this one, and no mapping at all for the next (mallopt(3)).
        set_malloc(libc::M_TRIM_THRESHOLD, -1) && set_malloc(libc::M_MMAP_MAX, 0)
    }
    #[cfg(not(target_env = "gnu"))]
    false
}

#[cfg(target_env = "gnu")]
fn set_malloc(what: libc::c_int, value: libc::c_int) -> bool {
    // SAFETY: it sets a number of malloc's own, under malloc's lock.
    let done = unsafe { libc::mallopt(what, value) };
    done == 1
}

/// Gives back what loading took and little of which is needed any more: free heap, and the pages of
/// this binary.
pub(super) fn release_memory() {
    // SAFETY: it frees what malloc has free, which nothing refers to.
    unsafe { libc::malloc_trim(0) };
    release_code();
}
