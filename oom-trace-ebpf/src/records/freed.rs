//! That the memory of a victim is back.

use oom_trace_common::record::{Freed, by, freed_field as field, kind, source};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::{header, put};
use crate::dying::{self, Dying};
use crate::kernel::Mm;
use crate::ring::{Wake, submit};

/// Sends that a victim's address space is gone; nothing if it is no victim's, or another hook told of
/// it.
#[inline(always)]
pub(crate) fn send_exited(source: u32, mm: Mm) {
    if let Some(victim) = dying::take(mm) {
        let mut freed = Freed::new_zeroed();
        freed.by = by::EXIT;
        send(source, &victim, &mut freed);
    }
}

/// Sends that the reaper is done with a victim, and what it left.
#[inline(always)]
pub(crate) fn send_reaped(tid: u32) {
    let Some(mm) = dying::memory_of(tid) else { return };
    let Some(victim) = dying::take(mm).filter(|victim| victim.tid == tid) else { return };
    let mut freed = Freed::new_zeroed();
    freed.by = by::REAPER;
    let mut present = 0;
    put!(present |= field::PGTABLES_BYTES; freed.pgtables_bytes, mm.pgtables_bytes());
    for (place, slot) in freed.rss.iter_mut().enumerate() {
        let (count, sum) = mm.rss(place);
        // The sum, or the count where it cannot be read, without a branch.
        *slot = count.value + (sum.value - count.value) * sum.ok.cast_signed();
        present |= (field::RSS << place) * count.ok;
    }
    freed.header.present = present;
    send(source::TRACEPOINT, &victim, &mut freed);
}

#[inline(always)]
fn send(source: u32, victim: &Dying, freed: &mut Freed) {
    let present = freed.header.present | (field::COMM * victim.has_comm as u64);
    freed.header = header(kind::FREED, source, victim.incident);
    freed.header.present = present;
    freed.marked_ns = victim.marked_ns;
    freed.start_boottime = victim.start_boottime;
    (freed.pid, freed.tid, freed.comm) = (victim.pid, victim.tid, victim.comm);
    submit(freed.as_bytes(), Wake::Now);
}
