//! `static void oom_kill_process(struct oom_control *oc, const char *message)`
//! (mm/oom_kill.c, the same from 5.10 to 7.3): one shortage, one decision.

use aya_ebpf::programs::ProbeContext;

use crate::current::Current;
use crate::maps::{COUNTERS, only};
use crate::records::incident::send_incident;

/// Entry, with the function's arguments: an incident starts.
pub(crate) fn enter(source: u32, oc: u64, message: u64) -> Option<()> {
    let incident = Current::get()?.start();
    only(&COUNTERS)?.incidents += 1;
    send_incident(source, incident, oc, message, None::<&ProbeContext>)
}

/// Return: no more victims come.
pub(crate) fn leave(source: u32) -> Option<()> {
    let current = Current::get()?;
    current.incident()?;
    current.end(source);
    Some(())
}
