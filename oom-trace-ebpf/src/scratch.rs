//! Memory that hooks share: too large for the 512 bytes of a program's stack, or to be remembered.
//!
//! It is the program's `.bss`, whose address the verifier knows: nothing to look up, and no case
//! where it is not there.

use core::cell::UnsafeCell;

use oom_trace_common::record::REST_LEN;

/// What only the hooks change that run under the kernel's `oom_lock` (mm/oom_kill.c): one at a time on
/// the whole machine.
#[repr(transparent)]
pub(crate) struct Locked<T>(UnsafeCell<T>);

// SAFETY: `oom_lock` lets one hook at a time come to it.
unsafe impl<T> Sync for Locked<T> {}

impl<T> Locked<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// For hooks that run under `oom_lock`, and no others.
    #[expect(clippy::mut_from_ref, reason = "the lock is the kernel's")]
    pub(crate) fn get(&'static self) -> &'static mut T {
        // SAFETY: `oom_lock` is held, and no hook keeps the reference beyond its own run.
        unsafe { &mut *self.0.get() }
    }
}

/// A number in memory that is read and written whole, by any hook.
///
/// The verifier does not follow it there. In a register each of its values would be a state of its
/// own, and the rest of the program would be checked once for each (kernels before 6.4 do not come
/// to an end over it).
#[repr(transparent)]
pub(crate) struct Word(UnsafeCell<u64>);

// SAFETY: it is read and written by single instructions of 8 bytes.
unsafe impl Sync for Word {}

impl Word {
    pub(crate) const fn zero() -> Self {
        Self(UnsafeCell::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        // SAFETY: the pointer is to a `u64` that lives as long as `self`.
        unsafe { self.0.get().read_volatile() }
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        // SAFETY: as above.
        unsafe { self.0.get().write_volatile(value) }
    }

    #[inline(always)]
    pub(crate) fn take(&self) -> u64 {
        let value = self.get();
        self.set(0);
        value
    }
}

/// Room for the fixed part of the largest record.
const HEAD: usize = 1280;

/// The longest text that is written at once.
const SPARE: usize = 4096;

/// The record being written: its fixed part, which ends where the rest begins, so that both are handed over at
/// once, and the rest, which is parts that are repeated, and texts.
#[repr(C)]
struct Scratch {
    head: [u64; HEAD / 8],
    /// The bytes behind `REST_LEN` take the last text whole: a position is masked, not compared,
    /// which every kernel's verifier understands.
    rest: [u8; REST_LEN + SPARE],
}

static SCRATCH: Locked<Scratch> =
    Locked::new(Scratch { head: [0; HEAD / 8], rest: [0; REST_LEN + SPARE] });

/// Where the next part starts.
static END: Word = Word::zero();

/// Whether the text being written is whole: 1 or 0.
static WHOLE: Word = Word::zero();

/// A place of the scratch. (Where the addition may wrap, the compiler turns it around, and the verifier
/// no longer sees an address.)
#[inline(always)]
fn at(offset: usize) -> *mut u8 {
    let start: *mut Scratch = SCRATCH.0.get();
    // SAFETY: it is one, as all that ask for it say why.
    unsafe { start.cast::<u8>().add(offset) }
}

/// Whether it has room there, and what follows it is aligned.
const fn fits<T>(room: usize) -> bool {
    size_of::<T>() <= room && size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 8
}

/// The record being written, as the last hook left it.
#[inline(always)]
pub(crate) fn record<T: zerocopy::FromBytes + zerocopy::IntoBytes>() -> &'static mut T {
    const { assert!(fits::<T>(HEAD)) };
    let record = at(HEAD - size_of::<T>()).cast();
    // SAFETY: it lies within `head`, is aligned as its size is a multiple of 8, and any bytes are a
    // value of it. `oom_lock` is held, one record is written at a time, and the rest lies behind it.
    unsafe { &mut *record }
}

/// Forgets all but the fixed part.
pub(crate) fn clear() {
    END.set(0);
}

/// Bytes of the rest.
#[inline(always)]
pub(crate) fn end() -> u64 {
    END.get()
}

/// Says of the text being written whether it is whole: 1 or 0.
#[inline(always)]
pub(crate) fn set_whole(whole: u64) {
    WHOLE.set(whole);
}

/// Keeps the text written since [`end`] was `start` if it is whole and found room, or takes it back, without
/// a branch; 1 or 0.
#[inline(always)]
pub(crate) fn keep_whole(start: u64) -> u64 {
    let whole = WHOLE.take() * (END.get() <= REST_LEN as u64) as u64;
    END.set(start + (END.get() - start) * whole);
    whole
}

/// Whether there is room for another text.
#[inline(always)]
pub(crate) fn has_room() -> bool {
    END.get() < REST_LEN as u64
}

/// Where the next text goes; it is kept by [`advance`].
#[inline(always)]
pub(crate) fn room<const N: usize>() -> &'static mut [u8; N] {
    const { assert!(N <= SPARE) };
    let place = END.get() as usize & (REST_LEN - 1);
    // SAFETY: as below.
    let room = unsafe { at(HEAD).add(place) }.cast();
    // SAFETY: it starts below `REST_LEN` of the rest, and `SPARE` bytes follow. `oom_lock` is held.
    unsafe { &mut *room }
}

/// Adds a part, as the last hook left its room. Parts come before all texts.
#[inline(always)]
pub(crate) fn add<T: zerocopy::FromBytes + zerocopy::IntoBytes>() -> &'static mut T {
    const { assert!(fits::<T>(SPARE)) };
    let place = END.get() as usize & (REST_LEN - 1) & !7;
    advance(size_of::<T>() as u64);
    // SAFETY: as below.
    let part = unsafe { at(HEAD).add(place) }.cast();
    // SAFETY: it starts below `REST_LEN` of the rest, `SPARE` bytes follow, it is aligned as all parts are
    // multiples of 8 bytes, and any bytes are a value of it. `oom_lock` is held.
    unsafe { &mut *part }
}

/// Keeps so many bytes of what was written to [`room`].
#[inline(always)]
pub(crate) fn advance(bytes: u64) {
    END.set(END.get() + bytes);
}

/// The whole record.
#[inline(always)]
pub(crate) fn written<T>() -> &'static [u8] {
    let len = size_of::<T>() + (END.get() as usize).min(REST_LEN);
    let start = at(HEAD - size_of::<T>());
    // SAFETY: `head` and `rest` leave no gap, and `len` bytes from there lie within them.
    unsafe { core::slice::from_raw_parts(start, len) }
}
