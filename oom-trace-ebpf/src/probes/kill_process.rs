//! `static void __oom_kill_process(struct task_struct *victim, const char *message)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3): what tells a kill from a mark.

use crate::current::CURRENT;
use crate::kernel::Task;

/// Entry, with the function's first argument.
pub(crate) fn enter(victim: u64) {
    CURRENT.enter_kill(Task::new(victim));
}
