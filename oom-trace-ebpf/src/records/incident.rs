//! What is known of an incident when it starts.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_get_stack;
use oom_trace_common::record::{Incident, STACK_LEN, incident_field as field, kind};

use super::{Draft, header, put, send};
use crate::kernel::{Memcg, OomControl, Task, load_str};
use crate::maps::{INCIDENT, only};

/// Sends the record of an entry of `oom_kill_process`, given its arguments.
#[inline(always)]
pub(crate) fn send_incident(source: u32, incident: u64, oc: u64, message: u64) -> Option<()> {
    let draft = only(&INCIDENT)?;
    draft.end.set(0);
    let decision = decision(draft, OomControl::new(oc), message);
    let trigger = trigger(draft);
    draft.record.stack_len = 0;
    draft.record.header = header(kind::INCIDENT, source, incident);
    draft.record.header.present = decision | trigger;
    send(draft);
    Some(())
}

/// Sends the record of an incident whose entry no hook saw. The stack of `context` tells what the
/// hooks around it would.
#[inline(always)]
pub(crate) fn send_orphan(source: u32, incident: u64, context: &impl EbpfContext) -> Option<()> {
    let draft = only(&INCIDENT)?;
    draft.end.set(0);
    draft.record.limit_path_end = 0;
    draft.record.chosen_path_end = 0;
    let trigger = trigger(draft);
    draft.record.stack_len = stack(context, &mut draft.record.stack);
    draft.record.header = header(kind::INCIDENT, source, incident);
    draft.record.header.present = trigger;
    send(draft);
    Some(())
}

/// What the kernel decided; the bits of what could be read.
#[inline(always)]
fn decision(draft: &mut Draft<Incident>, oc: OomControl, message: u64) -> u64 {
    let Draft { record, paths, end, whole } = draft;
    let (chosen, memcg) = (oc.chosen(), oc.memcg());
    let limit = memcg.value;
    let mut present = 0;

    put!(present |= field::TOTALPAGES; record.totalpages, oc.totalpages());
    put!(present |= field::CHOSEN_POINTS; record.chosen_points, oc.chosen_points());
    put!(present |= field::GFP_MASK; record.gfp_mask, oc.gfp_mask());
    put!(present |= field::ORDER; record.order, oc.order());
    put!(present |= field::CONSTRAINT; record.constraint, oc.constraint());
    put!(present |= field::NODEMASK; record.has_nodemask, oc.nodemask(&mut record.nodemask));
    put!(present |= field::LIMIT; record.limit, memcg.map(Memcg::address));
    put!(present |= field::LIMIT_USAGE; record.limit_usage, limit.usage());
    put!(present |= field::LIMIT_MAX; record.limit_max, limit.max());
    put!(present |= field::LIMIT_SWAP_USAGE; record.limit_swap_usage, limit.swap_usage());
    put!(present |= field::LIMIT_SWAP_MAX; record.limit_swap_max, limit.swap_max());
    put!(present |= field::CHOSEN; record.chosen_tid, chosen.tid());
    put!(present |= field::CHOSEN_UID; record.chosen_uid, chosen.uid());
    record.chosen_pid = chosen.pid().value;
    present |= field::CHOSEN_COMM * chosen.comm(&mut record.chosen_comm);
    present |= field::MESSAGE * load_str(message, &mut record.message).ok;

    present |= field::LIMIT_PATH * limit.cgroup().path(paths, end, whole);
    record.limit_path_end = end.get() as u32;
    present |= field::CHOSEN_PATH * chosen.memory_cgroup().path(paths, end, whole);
    record.chosen_path_end = end.get() as u32;
    present
}

/// Who ran out of memory; the bits of what could be read. Its path is the last.
#[inline(always)]
fn trigger(draft: &mut Draft<Incident>) -> u64 {
    let Draft { record, paths, end, whole } = draft;
    let (trigger, thread) = (Task::current(), Task::current_thread());
    let mut present = 0;

    record.trigger_pid = (thread >> 32) as u32;
    record.trigger_tid = thread as u32;
    put!(present |= field::TRIGGER_UID; record.trigger_uid, trigger.uid());
    put!(
        present |= field::TRIGGER_OOM_SCORE_ADJ;
        record.trigger_oom_score_adj, trigger.oom_score_adj()
    );
    put!(
        present |= field::MEMS_ALLOWED;
        record.nodemask_len, trigger.mems_allowed(&mut record.mems_allowed)
    );
    present |= field::TRIGGER_COMM * trigger.comm(&mut record.trigger_comm);
    present |= field::CPUSET * trigger.cpuset_cgroup().name(&mut record.cpuset);
    present |= field::TRIGGER_PATH * trigger.memory_cgroup().path(paths, end, whole);
    record.trigger_path_end = end.get() as u32;
    present
}

/// The return addresses of the kernel's stack, innermost first; how many there are.
fn stack(context: &impl EbpfContext, frames: &mut [u64; STACK_LEN]) -> u64 {
    let size = size_of_val(frames) as u32;
    // SAFETY: the helper writes `size` bytes at the most, which `frames` has.
    let bytes = unsafe { bpf_get_stack(context.as_ptr(), frames.as_mut_ptr().cast(), size, 0) };
    if bytes > 0 { bytes as u64 / 8 } else { 0 }
}
