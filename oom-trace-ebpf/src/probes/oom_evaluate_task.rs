//! `static int oom_evaluate_task(struct task_struct *task, void *arg)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3; `arg` is the `oom_control`): once for each task that
//! the kernel weighs.

use crate::kernel::{OomControl, Task};
use crate::weighed::WEIGHED;

/// Entry, with the function's arguments.
#[inline(always)]
pub(crate) fn enter(task: u64, oc: u64) {
    let (weighed, control, task) = (WEIGHED.get(), OomControl::new(oc), Task::new(task));
    // A victim that is dying is not weighed again.
    if weighed.is_of(oc) && control.may_choose(task) && !task.is_oom_victim() {
        weighed.weigh(control, task);
    }
}
