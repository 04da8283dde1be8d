//! A process that dies with a victim because it shares the victim's memory.

use oom_trace_common::record::{COMM_LEN, NAME_PRESENT, Sharer, kind};
use zerocopy::IntoBytes as _;

use super::header;
use crate::kernel::Task;
use crate::ring::{Wake, submit};

/// Sends what names it.
pub(crate) fn send_sharer(source: u32, incident: u64, task: Task) {
    let mut comm = [0; COMM_LEN];
    let present = NAME_PRESENT * task.comm(&mut comm);
    let mut header = header(kind::SHARER, source, incident);
    header.present = present;
    let sharer = Sharer { header, pid: task.pid().value, tid: task.tid().value, comm };
    submit(sharer.as_bytes(), Wake::Later);
}
