//! That the memory of a victim is back.

use oom_trace_common::record::{Freed, by, freed_field as field, kind, source};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::{boot_ns, header, put, submit};
use crate::kernel::{Mm, Task};
use crate::maps::{DYING, DYING_THREADS};

/// `BPF_NOEXIST` (include/uapi/linux/bpf.h): the first mark of a victim counts.
const NO_EXIST: u64 = 1;

/// Remembers a victim at its mark. A function of its own, for want of stack.
#[inline(never)]
#[expect(clippy::needless_borrows_for_generic_args, reason = "a copy would take stack")]
pub(crate) fn remember(incident: u64, task: Task) {
    let mm = task.mm().address();
    if mm == 0 {
        return;
    }
    let mut freed = Freed::new_zeroed();
    freed.header.incident = incident;
    freed.header.present = field::COMM * task.comm(&mut freed.comm);
    freed.marked_ns = boot_ns();
    (freed.pid, freed.tid) = (task.pid().value, task.tid().value);
    // A map that is full costs the record, not the kill's.
    let _ = DYING.insert(mm, &freed, NO_EXIST);
    let _ = DYING_THREADS.insert(freed.tid, mm, NO_EXIST);
}

/// Sends that a victim's address space is gone; nothing if it is no victim's, or the reaper's work
/// was told of.
#[inline(always)]
pub(crate) fn send_exited(source: u32, mm: u64) -> Option<()> {
    // SAFETY: the copy is made at once; an entry that another CPU changes meanwhile is none of ours.
    let mut freed = *unsafe { DYING.get(mm) }?;
    let _ = DYING.remove(mm);
    let _ = DYING_THREADS.remove(freed.tid);
    freed.by = by::EXIT;
    send(source, &mut freed);
    Some(())
}

/// Sends that the reaper is done with a victim, and what it left.
#[inline(always)]
pub(crate) fn send_reaped(tid: u32) -> Option<()> {
    // SAFETY: as above.
    let mm = *unsafe { DYING_THREADS.get(tid) }?;
    // SAFETY: as above.
    let mut freed = *unsafe { DYING.get(mm) }?;
    let _ = DYING.remove(mm);
    let _ = DYING_THREADS.remove(tid);
    freed.by = by::REAPER;
    let (mm, mut present) = (Mm::new(mm), freed.header.present);
    put!(present |= field::PGTABLES_BYTES; freed.pgtables_bytes, mm.pgtables_bytes());
    for (place, slot) in freed.rss.iter_mut().enumerate() {
        let (count, sum) = mm.rss(place);
        *slot = if sum.ok != 0 { sum.value } else { count.value };
        present |= (field::RSS << place) * count.ok;
    }
    freed.header.present = present;
    send(source::TRACEPOINT, &mut freed);
    Some(())
}

fn send(source: u32, freed: &mut Freed) {
    let present = freed.header.present;
    freed.header = header(kind::FREED, source, freed.header.incident);
    freed.header.present = present;
    submit(freed.as_bytes());
}
