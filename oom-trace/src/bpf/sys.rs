//! The calls whose safety the compiler cannot see: all `unsafe` of user space.
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper, and tokio asks for a promise")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::{MapData, RingBuf};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
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
#[cfg(feature = "ebpf-log")]
impl<T: log::Log> OneFd for aya_log::EbpfLogger<T> {}

/// Waits for `source` to become readable, in the running tokio runtime.
pub(super) fn readable<T: OneFd>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: its descriptor stays open and the same as long as it lives, and it lives in here.
    let registered = unsafe { AsyncFd::register_with_interest(source, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// The numbers in the one element of an array that may be mapped (`BPF_F_MMAPABLE`).
#[derive(Debug)]
pub(super) struct Numbers<const N: usize>(NonNull<[AtomicU64; N]>);

// SAFETY: the mapping belongs to the process, not to a thread, and is read by atomic loads alone.
unsafe impl<const N: usize> Send for Numbers<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for Numbers<N> {}

impl<const N: usize> Numbers<N> {
    const LEN: usize = size_of::<[AtomicU64; N]>();

    /// Maps those of the array `map`, whose values are of this size.
    pub(super) fn map(map: impl AsFd) -> io::Result<Self> {
        let (anywhere, read) = (std::ptr::null_mut(), ProtFlags::READ);
        // SAFETY: the kernel chooses where, so that nothing else is there.
        let start = unsafe { mmap(anywhere, Self::LEN, read, MapFlags::SHARED, map, 0) }?;
        let numbers = NonNull::new(start.cast());
        numbers.map(Self).ok_or_else(|| io::Error::other("mapped at the address 0"))
    }

    pub(super) fn get(&self) -> [u64; N] {
        // SAFETY: it is mapped until this is dropped, begins a page, and was filled by the kernel.
        let numbers = unsafe { self.0.as_ref() };
        numbers.each_ref().map(|number| number.load(Ordering::Relaxed))
    }
}

impl<const N: usize> Drop for Numbers<N> {
    fn drop(&mut self) {
        // SAFETY: it is what was mapped, and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.0.as_ptr().cast(), Self::LEN) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// Has malloc keep what it once got: one heap for all threads, which never shrinks and from which
/// large pieces come as well, so that what was in use before needs no new page. To be called before
/// there are other threads. Whether that could be had.
#[must_use]
pub(crate) fn keep_heap() -> bool {
    #[cfg(target_env = "gnu")]
    {
        let settings = [
            (libc::M_ARENA_MAX, 1),
            // -1 is "never" for this one, and no mapping at all for the next (mallopt(3)).
            (libc::M_TRIM_THRESHOLD, -1),
            (libc::M_MMAP_MAX, 0),
        ];
        settings.into_iter().all(|(what, value)| {
            // SAFETY: it sets a number of malloc's own, under malloc's lock.
            let done = unsafe { libc::mallopt(what, value) };
            done == 1
        })
    }
    #[cfg(not(target_env = "gnu"))]
    false
}

/// Gives back what loading took and little of which is needed any more: free heap, and the pages
/// of `object` and of this binary's code, which come back from the file as they are used.
pub(super) fn release_memory(object: &'static [u8]) {
    // SAFETY: it frees what malloc has free, which nothing refers to.
    unsafe { libc::malloc_trim(0) };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let code = maps.lines().filter_map(unchanged_file_mapping);
    for (start, len) in code.chain([whole_pages(object)]) {
        let start = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: neither code nor a constant of plain bytes was ever written or relocated, so
        // what comes back from the file is what was there.
        let dropped = unsafe { libc::madvise(start, len, libc::MADV_DONTNEED) };
        if dropped != 0 {
            // It stays resident, which costs memory and nothing else.
            return;
        }
    }
}

/// Start and length of the pages that hold nothing but `bytes`.
fn whole_pages(bytes: &'static [u8]) -> (usize, usize) {
    let page = rustix::param::page_size();
    let start = bytes.as_ptr().expose_provenance();
    let end = start.saturating_add(bytes.len());
    let first = start.next_multiple_of(page);
    (first, (end - end % page).saturating_sub(first))
}

/// Start and length of a mapping of a file that is private and not writable, from its line in
/// `/proc/PID/maps` (`55d0-55e0 r-xp 00000000 00:02 11 /bin/oom-trace`).
fn unchanged_file_mapping(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let modes = words.next()?;
    let inode = words.nth(2)?;
    let path = words.next()?;
    // Code alone: relocated data, read-only by now, is no longer the file's.
    if modes != "r-xp" || inode == "0" || !path.starts_with('/') {
        return None;
    }
    let start = usize::from_str_radix(start, 16).ok()?;
    Some((start, usize::from_str_radix(end, 16).ok()?.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::{unchanged_file_mapping, whole_pages};

    #[test]
    fn pages_shared_with_something_else_are_not_given_back() {
        static BYTES: [u8; 20_000] = [1; 20_000];
        let (start, len) = whole_pages(&BYTES);
        let bytes = BYTES.as_ptr().addr();
        let page = rustix::param::page_size();
        assert!(start.is_multiple_of(page) && len.is_multiple_of(page));
        assert!(start >= bytes && start + len <= bytes + BYTES.len());
        assert_eq!(whole_pages(&BYTES[..10]).1, 0);
    }

    #[test]
    fn only_code_is_given_back() {
        let found = |line| unchanged_file_mapping(line);
        let code = "1000-3000 r-xp 00161000 00:02 11                         /bin/oom-trace";
        assert_eq!(found(code), Some((0x1000, 0x2000)));
        for line in [
            "1000-3000 r--p 00161000 00:02 11 /bin/oom-trace",
            "1000-3000 rw-p 00161000 00:02 11 /bin/oom-trace",
            "1000-3000 r--s 00001000 00:10 117 anon_inode:bpf-map",
            "1000-3000 r-xp 00000000 00:00 0 [vdso]",
            "nonsense",
            "",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
