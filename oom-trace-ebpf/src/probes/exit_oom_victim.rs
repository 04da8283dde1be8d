//! `void exit_oom_victim(void)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3): the thread that was marked has let go of its memory.
//!
//! The net beneath `exit_mmap`: where programs can be preempted, the kernel passes over one that another
//! process is in the midst of on the same CPU.

use crate::kernel::Task;
use crate::records::freed::send_exited;

/// Entry.
pub(crate) fn enter(source: u32) {
    let mm = Task::current().oom_mm();
    // Else others use it still, and `exit_mmap` is to come.
    if mm.is_gone() {
        send_exited(source, mm);
    }
}
