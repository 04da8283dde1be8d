//! `static void dump_header(struct oom_control *oc)`
//! (mm/oom_kill.c from 6.12 on; before it `(struct oom_control *oc, struct task_struct *p)`).
//!
//! Outside of `oom_kill_process` it means that there will be no victim: the kernel panics next, or
//! found no process that it may kill.

use aya_ebpf::EbpfContext;
use oom_trace_common::record::kind;

use crate::current::CURRENT;
use crate::records::boot_ns;
use crate::records::incident::send_incident;

/// Entry, with the function's first argument.
pub(crate) fn enter(source: u32, oc: u64, context: &impl EbpfContext) {
    if !CURRENT.is_here() {
        send_incident(kind::NO_VICTIM, source, boot_ns(), (oc, 0), context);
    }
}
