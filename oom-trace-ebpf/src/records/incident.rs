//! What is known of an incident when it starts.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_get_smp_processor_id, bpf_get_stack, bpf_snprintf};
use oom_trace_common::record::{
    Incident, PATHS_LEN, STACK_LEN, SYMBOL_LEN, incident_field as field, kind, source::KPROBE,
};

use super::{Draft, Memory, PATHS_ROOM, header, put, send};
use crate::kernel::{Memcg, OomControl, Task, has_snprintf, load_str};
use crate::maps::{INCIDENT, only};

/// Sends the record of a shortage: of an entry of `oom_kill_process`, given its arguments, or of
/// the dump of the kernel's state when it chose nobody, which has no `message` (0).
#[inline(always)]
pub(crate) fn send_incident(
    kind: u32,
    source: u32,
    incident: u64,
    (oc, message): (u64, u64),
    context: &impl EbpfContext,
) -> Option<()> {
    let draft = only(&INCIDENT)?;
    draft.end.set(0);
    let decision = decision(draft, OomControl::new(oc), message);
    let trigger = trigger(draft);
    stack(draft, source, context);
    draft.record.header = header(kind, source, incident);
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
    stack(draft, source, context);
    draft.record.header = header(kind::INCIDENT, source, incident);
    draft.record.header.present = trigger;
    send(draft);
    Some(())
}

/// What the kernel decided; the bits of what could be read. A function of its own, as the next,
/// for want of stack: what one of them has used the other has again.
#[inline(never)]
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
    put!(present |= field::LIMIT_HIERARCHY; record.limit_hierarchy, limit.cgroup().hierarchy());
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
#[inline(never)]
fn trigger(draft: &mut Draft<Incident>) -> u64 {
    let Draft { record, paths, end, whole } = draft;
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
    present |= field::TRIGGER_PATH * trigger.memory_cgroup().path(paths, end, whole);
    record.trigger_path_end = end.get() as u32;
    present
}

fn cpu() -> u32 {
    // SAFETY: the helper takes nothing.
    unsafe { bpf_get_smp_processor_id() }
}

/// The kernel's stack, innermost first: return addresses, and their symbols where the kernel has a
/// helper for that.
#[inline(always)]
fn stack(draft: &mut Draft<Incident>, source: u32, context: &impl EbpfContext) {
    let Draft { record, paths, end, whole: _ } = draft;
    let frames = &mut record.stack;
    *frames = [0; STACK_LEN];
    let size = size_of_val(frames) as u32;
    // SAFETY: the helper writes `size` bytes at the most, which `frames` has.
    let bytes = unsafe { bpf_get_stack(context.as_ptr(), frames.as_mut_ptr().cast(), size, 0) };
    record.stack_len = if bytes > 0 { bytes as u32 / 8 } else { 0 };
    if source == KPROBE {
        name_caller(frames, context);
    }
    if has_snprintf() {
        write_symbols(frames, paths, end);
    }
    record.symbols_end = end.get() as u32;
}

/// At its entry a function has not yet put the return address on the stack.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
fn name_caller(frames: &mut [u64; STACK_LEN], context: &impl EbpfContext) {
    const LINK_REGISTER: usize = 30;
    let registers: *const u64 = context.as_ptr().cast();
    // The probe's own function, which comes first, is of no use.
    // SAFETY: a kprobe's context is a `struct pt_regs`, which starts with the general registers.
    let caller = unsafe { registers.add(LINK_REGISTER).read_volatile() };
    if let Some(first) = frames.first_mut() {
        *first = caller;
    }
}

/// The call has put the return address on the stack.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
fn name_caller(_: &mut [u64; STACK_LEN], _: &impl EbpfContext) {}

/// How the kernel's own dumps print a return address: `function+0xoff/0xsize [module]`.
static SYMBOL_FORMAT: [u8; 4] = *b"%pB\0";

/// One function for all the programs that need it.
#[inline(never)]
fn write_symbols(frames: &[u64; STACK_LEN], paths: &mut [u8; PATHS_ROOM], end: &mut Memory) {
    for frame in frames {
        let at = end.get();
        if *frame == 0 || at >= PATHS_LEN as u64 {
            return;
        }
        let room = paths.get_mut(at as usize & (PATHS_LEN - 1)..);
        let Some(room) = room.and_then(<[u8]>::first_chunk_mut::<SYMBOL_LEN>) else { return };
        // SAFETY: the helper writes `SYMBOL_LEN` bytes to `room` at the most, its format is a
        // constant of a frozen map, and `frame` has the 8 bytes it is told of.
        let len = unsafe {
            bpf_snprintf(
                room.as_mut_ptr().cast(),
                SYMBOL_LEN as u32,
                SYMBOL_FORMAT.as_ptr().cast(),
                core::ptr::from_ref(frame).cast_mut().cast(),
                size_of_val(frame) as u32,
            )
        };
        // What it would have written, had there been room.
        end.set(at + (len.max(0) as u64).min(SYMBOL_LEN as u64));
    }
}
