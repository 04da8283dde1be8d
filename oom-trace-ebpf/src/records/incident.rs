//! What is known of an incident when it starts.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use oom_trace_common::record::kind::INCIDENT;
use oom_trace_common::record::{Incident, NO_PATH, incident_field as field};

use super::{candidate, header, level, names, paths, put, send};
use crate::kernel::{Memcg, OomControl, Task, has_snprintf, load_str};
use crate::ring::{Wake, has_room_for_details};
use crate::{scratch, stack};

/// Sends the record of a shortage: of an entry of `oom_kill_process`, given its arguments, or of
/// the dump of the kernel's state when it chose nobody, which has no `message` (0).
#[inline(always)]
pub(crate) fn send_incident(
    kind: u32,
    source: u32,
    incident: u64,
    (oc, message): (u64, u64),
    context: &impl EbpfContext,
) {
    start();
    let present = read_decision(oc, message) | read_trigger();
    if kind == INCIDENT && has_room_for_details() {
        level::write(OomControl::new(oc));
        candidate::write(OomControl::new(oc));
    }
    finish(kind, source, incident, present, context);
}

/// Sends the record of an incident whose entry no hook saw. The stack of `context` tells what the
/// hooks around it would.
#[inline(always)]
pub(crate) fn send_orphan(source: u32, incident: u64, context: &impl EbpfContext) {
    start();
    finish(INCIDENT, source, incident, read_trigger(), context);
}

fn start() {
    let record = scratch::record::<Incident>();
    record.limit_path = NO_PATH;
    record.chosen_path = NO_PATH;
    record.weighed = 0;
    record.levels_len = 0;
    record.candidates_len = 0;
    record.named = 0;
    scratch::clear();
    paths::clear();
}

#[inline(always)]
fn finish(kind: u32, source: u32, incident: u64, present: u64, context: &impl EbpfContext) {
    let record = scratch::record::<Incident>();
    record.stack_len = stack::read(&mut record.stack, source, context);
    finish_record((kind as u64) << 32 | source as u64, incident, present);
}

/// What needs no context. `what` is the kind and, in its lower half, the source.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn finish_record(what: u64, incident: u64, present: u64) -> u64 {
    paths::write();
    if has_snprintf() {
        names::write();
    }
    let record = scratch::record::<Incident>();
    record.header = header((what >> 32) as u32, what as u32, incident);
    record.header.present = present;
    // How the machine stands is read while it does.
    if send::<Incident>(Wake::Now) != 0 && has_snprintf() {
        names::tell();
    }
    0
}

/// What the kernel decided; the bits of what could be read.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn read_decision(oc: u64, message: u64) -> u64 {
    let (record, oc) = (scratch::record::<Incident>(), OomControl::new(oc));
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
    put!(present |= field::LIMIT_HIERARCHY; record.limit_hierarchy, limit.cgroup().hierarchy());
    put!(present |= field::CHOSEN; record.chosen_tid, chosen.tid());
    put!(present |= field::CHOSEN_UID; record.chosen_uid, chosen.uid());
    record.chosen_pid = chosen.pid().value;
    present |= field::CHOSEN_COMM * chosen.comm(&mut record.chosen_comm);
    present |= field::MESSAGE * load_str(message, &mut record.message).ok;

    record.limit_path = paths::place_of(limit.cgroup());
    record.chosen_path = paths::place_of(chosen.memory_cgroup());
    present
}

/// Who ran out of memory; the bits of what could be read.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn read_trigger() -> u64 {
    let record = scratch::record::<Incident>();
    let (trigger, thread) = (Task::current(), Task::current_thread());
    let mut present = 0;

    record.cpu = cpu();
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
    record.trigger_path = paths::place_of(trigger.memory_cgroup());
    present
}

fn cpu() -> u32 {
    // SAFETY: the helper takes nothing.
    unsafe { bpf_get_smp_processor_id() }
}
