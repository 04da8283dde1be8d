//! `bool out_of_memory(struct oom_control *oc)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3): a shortage, for which a task may be chosen next.

use crate::weighed::WEIGHED;

/// Entry, with the function's argument.
pub(crate) fn enter(oc: u64) {
    WEIGHED.get().start(oc);
}
