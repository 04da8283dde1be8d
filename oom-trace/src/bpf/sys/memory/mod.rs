//! Memory that the kernel mapped. How it is read, written and given back stands apart from the calls that
//! map it, which no interpreter can follow: `cargo xtask miri` runs the tests of this file.

use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives so many bytes back, from there on.
type GiveBack = fn(NonNull<u8>, usize);

/// Memory that nothing else knows of, but the kernel; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Memory {
    start: NonNull<u8>,
    len: usize,
    give_back: GiveBack,
}

// SAFETY: it belongs to the process, not to a thread, and what is shared with the kernel's side is read
// and written by atomic operations alone.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// # Safety
    /// From `start` on there are `len` bytes with values, to which nothing in this process refers, until
    /// `give_back` is called for them. All but the kernel leave them alone; and what it changes is looked at
    /// as [`Numbers`], not as bytes.
    ///
    /// # Errors
    /// It starts at the address 0.
    pub(super) unsafe fn new(start: *mut u8, len: usize, give_back: GiveBack) -> io::Result<Self> {
        let start = NonNull::new(start);
        let start = start.ok_or_else(|| io::Error::other("mapped at the address 0"))?;
        Ok(Self { start, len, give_back })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: they are there until this is dropped, and who writes to them borrows this.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// Memory that may be written to.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: they are there until this is dropped, and nothing else refers to them.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        (self.give_back)(self.start, self.len);
    }
}

/// Memory that nobody changes any more.
#[derive(Debug)]
pub(in super::super) struct Pages(Memory);

impl Pages {
    pub(super) fn new(memory: Memory) -> Self {
        Self(memory)
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// The numbers in the one element of an array that may be mapped (`BPF_F_MMAPABLE`).
#[derive(Debug)]
pub(in super::super) struct Numbers<const N: usize>(Memory);

impl<const N: usize> Numbers<N> {
    /// Bytes that they take.
    pub(super) const BYTES: usize = size_of::<[AtomicU64; N]>();

    /// # Errors
    /// They are not there, or not where a number may be.
    pub(super) fn new(memory: Memory) -> io::Result<Self> {
        let numbers: NonNull<[AtomicU64; N]> = memory.start.cast();
        if memory.len < Self::BYTES || !numbers.is_aligned() {
            return Err(io::Error::other("mapped where no numbers can be"));
        }
        Ok(Self(memory))
    }

    pub(in super::super) fn get(&self) -> [u64; N] {
        self.numbers().each_ref().map(|number| number.load(Ordering::Relaxed))
    }

    /// Sets the one at this place, if there is one.
    pub(in super::super) fn set(&self, place: usize, value: u64) {
        if let Some(number) = self.numbers().get(place) {
            number.store(value, Ordering::Relaxed);
        }
    }

    fn numbers(&self) -> &[AtomicU64; N] {
        let numbers: NonNull<[AtomicU64; N]> = self.0.start.cast();
        // SAFETY: they are there until this is dropped, and aligned.
        unsafe { numbers.as_ref() }
    }
}

#[cfg(test)]
mod tests;
