//! `void exit_mmap(struct mm_struct *mm)`
//! (mm/mmap.c, the same from 5.10 to 7.3): the last user of an address space is gone, and at the
//! return so is its memory.

use crate::kernel::Mm;
use crate::records::freed::send_exited;

/// Return, with the function's argument.
pub(crate) fn leave(source: u32, mm: u64) {
    send_exited(source, Mm::new(mm));
}
