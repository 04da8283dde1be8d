//! Memory that is resident before it is needed.
//!
//! A page that is touched for the first time while memory is short may be waited for until a process has
//! died, and with this process's own cgroup full and nobody in it who may be killed, for ever
//! (`pagefault_out_of_memory`, mm/oom_kill.c). The kernel locks what is touched (`MCL_ONFAULT`), so once is
//! enough.

use std::hint::black_box;
use std::mem::ManuallyDrop;

/// Heap from which the rehearsal takes as well, and which it gives back: with what else it leaves free that is 350 KiB,
/// measured, and the records of a group of a hundred processes take about 256 on their way. From the log it takes less.
const HEAP_BYTES: usize = 192 << 10;

/// Stack below the caller's on the agent's own thread: a kill took more than 32 KiB of it, measured.
const STACK_BYTES: usize = 40 << 10;

/// The same on the thread of an output, which only writes it: 3 KiB.
const SINK_STACK_BYTES: usize = 8 << 10;

/// More than the heap ever was by the time that it is reserved.
const WHOLE_HEAP: usize = 4 << 20;

/// Sizes of the gaps that are taken, largest first. Of smaller ones the pages are shared with what is in
/// use.
const GAPS: [usize; 7] = [512 << 10, 256 << 10, 128 << 10, 64 << 10, 32 << 10, 16 << 10, 8 << 10];

/// Has what is allocated from now on come from pages that are there. To be called when all is there that
/// stays: what is made later would lie in them.
pub(crate) fn heap() {
    take_gaps();
    // From the heap's end, to which it returns.
    let mut heap = vec![0_u8; HEAP_BYTES];
    for page in heap.chunks_mut(rustix::param::page_size()) {
        page.fill(1);
    }
    black_box(&heap);
}

/// Takes what is free in the middle of the heap, for good. The start left it, and its pages were given
/// back: nothing is to be put there when memory is short.
fn take_gaps() {
    let address = |bytes: usize| {
        let gap = ManuallyDrop::new(Vec::<u8>::with_capacity(bytes));
        (black_box(gap.as_ptr()).addr(), gap)
    };
    // So much there is only at the end.
    let (end, whole) = address(WHOLE_HEAP);
    drop(ManuallyDrop::into_inner(whole));
    for size in GAPS {
        for _ in 0..WHOLE_HEAP / size {
            let (place, gap) = address(size);
            if place >= end {
                drop(ManuallyDrop::into_inner(gap));
                break;
            }
        }
    }
}

/// Touches the stack of the agent's own thread as far down as a record may take it.
pub(crate) fn stack() {
    touch::<STACK_BYTES>();
}

/// The same on the thread of an output.
pub(crate) fn sink_stack() {
    touch::<SINK_STACK_BYTES>();
}

#[inline(never)]
fn touch<const BYTES: usize>() {
    black_box(&mut [1_u8; BYTES]);
}
