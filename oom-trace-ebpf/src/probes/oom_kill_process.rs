//! `static void oom_kill_process(struct oom_control *oc, const char *message)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3): one shortage, one decision.

use aya_ebpf::EbpfContext;
use oom_trace_common::record::kind;
use zerocopy::IntoBytes as _;

use crate::current::CURRENT;
use crate::records::incident::send_incident;
use crate::ring::{Wake, submit};

/// Entry, with the function's arguments: an incident starts.
#[inline(always)]
pub(crate) fn enter(source: u32, oc: u64, message: u64, context: &impl EbpfContext) {
    CURRENT.start();
    let incident = CURRENT.incident();
    send_incident(kind::INCIDENT, source, incident, (oc, message), context);
}

/// Return: no more victims come.
#[inline(always)]
pub(crate) fn leave(source: u32) {
    if CURRENT.is_here() {
        submit(CURRENT.end(source).as_bytes(), Wake::Now);
    }
}
