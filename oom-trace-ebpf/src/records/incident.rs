//! What is known of an incident when it starts.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_get_stack;
use oom_trace_common::record::{STACK_LEN, incident_field as field, kind};

use super::{Draft, header, put, send};
use crate::kernel::{Cgroup, OomControl, Task, load_str};
use crate::maps::{INCIDENT, only};

/// Sends the record. Without the arguments of `oom_kill_process`, `oc` and `message` are 0.
///
/// `stack_of` is the context of a hook whose stack tells what the hooks around it would.
#[inline(always)]
pub(crate) fn send_incident(
    source: u32,
    incident: u64,
    oc: u64,
    message: u64,
    stack_of: Option<&impl EbpfContext>,
) -> Option<()> {
    let draft = only(&INCIDENT)?;
    let Draft { record, paths, tally } = &mut *draft;
    tally.clear();
    let oc = OomControl::at(oc);
    let trigger = Task::current();
    let chosen = oc.and_then(OomControl::chosen);
    let memcg = oc.and_then(OomControl::memcg);
    let limit = memcg.flatten();

    put!(tally |= field::TOTALPAGES; record.totalpages, oc.and_then(OomControl::totalpages));
    put!(tally |= field::CHOSEN_POINTS; record.chosen_points, oc.and_then(OomControl::chosen_points));
    put!(tally |= field::GFP_MASK; record.gfp_mask, oc.and_then(OomControl::gfp_mask));
    put!(tally |= field::ORDER; record.order, oc.and_then(OomControl::order));
    put!(tally |= field::CONSTRAINT; record.constraint, oc.and_then(OomControl::constraint));
    put!(tally |= field::LIMIT; record.has_limit, memcg.map(|memcg| u32::from(memcg.is_some())));
    put!(tally |= field::LIMIT_USAGE; record.limit_usage, limit.and_then(|limit| limit.usage()));
    put!(tally |= field::LIMIT_MAX; record.limit_max, limit.and_then(|limit| limit.max()));
    put!(tally |= field::LIMIT_SWAP_USAGE; record.limit_swap_usage, limit.and_then(|limit| limit.swap_usage()));
    put!(tally |= field::LIMIT_SWAP_MAX; record.limit_swap_max, limit.and_then(|limit| limit.swap_max()));

    let thread = Task::current_thread();
    record.trigger_pid = (thread >> 32) as u32;
    record.trigger_tid = thread as u32;
    put!(tally |= field::TRIGGER_UID; record.trigger_uid, trigger.uid());
    put!(tally |= field::TRIGGER_OOM_SCORE_ADJ; record.trigger_oom_score_adj, trigger.oom_score_adj());
    put!(tally |= field::CHOSEN; record.chosen_tid, chosen.and_then(Task::tid));
    record.chosen_pid = chosen.and_then(Task::pid).unwrap_or(0);
    put!(tally |= field::CHOSEN_UID; record.chosen_uid, chosen.and_then(Task::uid));

    put!(tally |= field::NODEMASK; record.has_nodemask, oc.and_then(|oc| oc.nodemask(&mut record.nodemask)));
    put!(tally |= field::MEMS_ALLOWED; record.nodemask_len, trigger.mems_allowed(&mut record.mems_allowed));

    if trigger.comm(&mut record.trigger_comm) {
        tally.mark(field::TRIGGER_COMM);
    }
    if chosen.is_some_and(|chosen| chosen.comm(&mut record.chosen_comm)) {
        tally.mark(field::CHOSEN_COMM);
    }
    if message != 0 && load_str(message, &mut record.message).is_some() {
        tally.mark(field::MESSAGE);
    }
    if trigger.cpuset_cgroup().is_some_and(|cgroup| cgroup.name(&mut record.cpuset)) {
        tally.mark(field::CPUSET);
    }

    let mut path = |cgroup: Option<Cgroup>, bit: u64| {
        let start = tally.end();
        if cgroup.is_some_and(|cgroup| cgroup.path(paths, tally)) {
            tally.mark(bit);
        }
        (tally.end() - start) as u32
    };
    record.limit_path_len = path(limit.and_then(|limit| limit.cgroup()), field::LIMIT_PATH);
    record.trigger_path_len = path(trigger.memory_cgroup(), field::TRIGGER_PATH);
    record.chosen_path_len = path(chosen.and_then(Task::memory_cgroup), field::CHOSEN_PATH);

    record.stack_len = stack_of.map_or(0, |context| stack(context, &mut record.stack));
    record.reserved = 0;
    record.header = header(kind::INCIDENT, source, incident);
    record.header.present = tally.present();
    send(draft);
    Some(())
}

/// The return addresses of the kernel's stack, innermost first; how many there are.
fn stack(context: &impl EbpfContext, frames: &mut [u64; STACK_LEN]) -> u32 {
    let size = size_of_val(frames) as u32;
    // SAFETY: the helper writes `size` bytes at the most, which `frames` has.
    let bytes = unsafe { bpf_get_stack(context.as_ptr(), frames.as_mut_ptr().cast(), size, 0) };
    if bytes > 0 { bytes as u32 / 8 } else { 0 }
}
