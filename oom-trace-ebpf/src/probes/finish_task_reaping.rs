//! The raw tracepoint `oom/finish_task_reaping` (include/trace/events/oom.h, the same from 5.10 to
//! 7.3): `(int pid)`, the thread that was marked. The reaper has taken what it could.

use crate::records::freed::send_reaped;

pub(crate) fn enter(tid: u32) {
    send_reaped(tid);
}
