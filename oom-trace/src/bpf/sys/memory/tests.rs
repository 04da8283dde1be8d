//! Over memory of the heap, which an interpreter watches byte by byte.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::thread;

use super::*;

const PAGE: usize = 4096;

thread_local! {
    /// Bytes that this thread gave back.
    static GIVEN_BACK: Cell<usize> = const { Cell::new(0) };
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len, PAGE).unwrap()
}

fn give_back(start: NonNull<u8>, len: usize) {
    GIVEN_BACK.set(GIVEN_BACK.get() + len);
    // SAFETY: it was allocated with this layout, and what is dropped is not used any more.
    unsafe { dealloc(start.as_ptr(), layout(len)) };
}

/// As the kernel maps it: it begins a page, and is filled.
fn memory(len: usize) -> Memory {
    // SAFETY: it has some bytes.
    let start = unsafe { alloc(layout(len)) };
    for place in 0..len {
        // SAFETY: it is one of those that were allocated.
        let byte = unsafe { start.add(place) };
        // SAFETY: as above.
        unsafe { byte.write(7) };
    }
    // SAFETY: nothing else refers to it, and it stays until it is given back.
    unsafe { Memory::new(start, len, give_back) }.unwrap()
}

#[test]
fn pages_hold_what_was_written_and_go_once() {
    let mut memory = memory(PAGE + 3);
    memory.bytes_mut()[PAGE + 2] = 9;
    let pages = Pages::new(memory);
    let (first, last) = (&pages[..2], &pages[PAGE..]);
    assert_eq!((first, last, pages.len()), (&[7, 7][..], &[7, 7, 9][..], PAGE + 3));
    let moved = thread::spawn(move || {
        assert_eq!(pages.iter().filter(|byte| **byte == 7).count(), PAGE + 2);
        drop(pages);
        GIVEN_BACK.get()
    });
    assert_eq!((moved.join().unwrap(), GIVEN_BACK.get()), (PAGE + 3, 0));
}

#[test]
fn numbers_are_read_while_they_are_written() {
    let numbers = Numbers::<3>::new(memory(Numbers::<3>::BYTES)).unwrap();
    assert_eq!(numbers.get(), [0x0707_0707_0707_0707; 3]);
    thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|value| numbers.set(1, value)));
        scope.spawn(|| (0..50).for_each(|value| numbers.set(2, value)));
        for _ in 0..50 {
            assert_eq!(numbers.get()[0], 0x0707_0707_0707_0707);
        }
    });
    // There is none.
    numbers.set(3, 1);
    assert_eq!(numbers.get(), [0x0707_0707_0707_0707, 49, 49]);
    drop(numbers);
    assert_eq!(GIVEN_BACK.get(), Numbers::<3>::BYTES);
}

#[test]
fn numbers_that_do_not_fit_are_none_and_their_memory_goes() {
    assert!(Numbers::<2>::new(memory(Numbers::<2>::BYTES - 1)).is_err());
    assert_eq!(GIVEN_BACK.get(), Numbers::<2>::BYTES - 1);
    // SAFETY: nothing is read of it, as it is turned away.
    let odd = unsafe { Memory::new(std::ptr::without_provenance_mut(PAGE + 1), PAGE, |_, _| {}) };
    assert!(Numbers::<1>::new(odd.unwrap()).is_err());
    // SAFETY: as above.
    assert!(unsafe { Memory::new(std::ptr::null_mut(), PAGE, |_, _| {}) }.is_err());
}
