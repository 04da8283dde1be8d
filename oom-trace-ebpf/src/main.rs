//! The eBPF program: its entry points. `probes` says what each hook does.

#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "a helper call is a call into the kernel")]
#![expect(
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "registers and helpers' arguments have one size, pointers another"
)]

mod current;
mod kernel;
mod maps;
mod probes;
mod records;
mod weighed;

use aya_ebpf::macros::{fentry, fexit, kprobe, kretprobe, raw_tracepoint};
use aya_ebpf::programs::{
    FEntryContext, FExitContext, ProbeContext, RawTracePointContext, RetProbeContext,
};
use aya_log_ebpf::debug;
use oom_trace_common::record::source::{FENTRY, KPROBE};

use crate::probes::{
    dump_header, exit_mmap, exit_oom_victim, finish_task_reaping, kill_process, mark_oom_victim,
    mark_victim, oom_evaluate_task, oom_kill_process, out_of_memory, print_oom_group,
    print_oom_meminfo, signal_generate,
};

/// The helpers used here are for GPL-compatible programs only.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[kprobe]
fn out_of_memory_kprobe(context: ProbeContext) -> u32 {
    if let Some(oc) = context.arg(0) {
        debug!(&context, "out_of_memory");
        out_of_memory::enter(oc);
    }
    0
}

#[kprobe]
fn oom_evaluate_task_kprobe(context: ProbeContext) -> u32 {
    if let (Some(task), Some(oc)) = (context.arg(0), context.arg(1)) {
        oom_evaluate_task::enter(task, oc);
    }
    0
}

#[kprobe]
fn oom_kill_process_kprobe(context: ProbeContext) -> u32 {
    if let (Some(oc), Some(message)) = (context.arg(0), context.arg(1)) {
        debug!(&context, "oom_kill_process: enter");
        oom_kill_process::enter(KPROBE, oc, message, &context);
    }
    0
}

#[kretprobe]
fn oom_kill_process_kretprobe(context: RetProbeContext) -> u32 {
    debug!(&context, "oom_kill_process: return");
    oom_kill_process::leave(KPROBE);
    0
}

#[kprobe]
fn kill_process_kprobe(context: ProbeContext) -> u32 {
    if let Some(victim) = context.arg::<u64>(0) {
        debug!(&context, "__oom_kill_process: task {:x}", victim);
        kill_process::enter(victim);
    }
    0
}

#[kprobe]
fn mark_oom_victim_kprobe(context: ProbeContext) -> u32 {
    if let Some(victim) = context.arg::<u64>(0) {
        debug!(&context, "mark_oom_victim: task {:x}", victim);
        mark_oom_victim::enter(KPROBE, victim, &context);
    }
    0
}

#[kprobe]
fn print_oom_group_kprobe(context: ProbeContext) -> u32 {
    if let Some(memcg) = context.arg(0) {
        debug!(&context, "mem_cgroup_print_oom_group");
        print_oom_group::enter(KPROBE, memcg);
    }
    0
}

#[kprobe]
fn print_oom_meminfo_kprobe(context: ProbeContext) -> u32 {
    if let Some(memcg) = context.arg(0) {
        debug!(&context, "mem_cgroup_print_oom_meminfo");
        print_oom_meminfo::enter(KPROBE, memcg);
    }
    0
}

#[kprobe]
fn dump_header_kprobe(context: ProbeContext) -> u32 {
    if let Some(oc) = context.arg(0) {
        debug!(&context, "dump_header");
        dump_header::enter(KPROBE, oc, &context);
    }
    0
}

#[fentry]
fn out_of_memory_fentry(context: FEntryContext) -> u32 {
    debug!(&context, "out_of_memory");
    out_of_memory::enter(context.arg(0));
    0
}

#[fentry]
fn oom_evaluate_task_fentry(context: FEntryContext) -> u32 {
    oom_evaluate_task::enter(context.arg(0), context.arg(1));
    0
}

#[kprobe]
fn exit_oom_victim_kprobe(context: ProbeContext) -> u32 {
    debug!(&context, "exit_oom_victim");
    exit_oom_victim::enter(KPROBE);
    0
}

#[fentry]
fn exit_oom_victim_fentry(context: FEntryContext) -> u32 {
    debug!(&context, "exit_oom_victim");
    exit_oom_victim::enter(FENTRY);
    0
}

#[fentry]
fn oom_kill_process_fentry(context: FEntryContext) -> u32 {
    debug!(&context, "oom_kill_process: enter");
    oom_kill_process::enter(FENTRY, context.arg(0), context.arg(1), &context);
    0
}

#[fexit]
fn oom_kill_process_fexit(context: FExitContext) -> u32 {
    debug!(&context, "oom_kill_process: return");
    oom_kill_process::leave(FENTRY);
    0
}

#[fentry]
fn kill_process_fentry(context: FEntryContext) -> u32 {
    let victim: u64 = context.arg(0);
    debug!(&context, "__oom_kill_process: task {:x}", victim);
    kill_process::enter(victim);
    0
}

#[fentry]
fn mark_oom_victim_fentry(context: FEntryContext) -> u32 {
    let victim: u64 = context.arg(0);
    debug!(&context, "mark_oom_victim: task {:x}", victim);
    mark_oom_victim::enter(FENTRY, victim, &context);
    0
}

#[fentry]
fn print_oom_group_fentry(context: FEntryContext) -> u32 {
    debug!(&context, "mem_cgroup_print_oom_group");
    print_oom_group::enter(FENTRY, context.arg(0));
    0
}

#[fentry]
fn print_oom_meminfo_fentry(context: FEntryContext) -> u32 {
    debug!(&context, "mem_cgroup_print_oom_meminfo");
    print_oom_meminfo::enter(FENTRY, context.arg(0));
    0
}

#[fentry]
fn dump_header_fentry(context: FEntryContext) -> u32 {
    debug!(&context, "dump_header");
    dump_header::enter(FENTRY, context.arg(0), &context);
    0
}

#[fexit]
fn exit_mmap_fexit(context: FExitContext) -> u32 {
    exit_mmap::leave(FENTRY, context.arg(0));
    0
}

#[raw_tracepoint]
fn finish_task_reaping_raw(context: RawTracePointContext) -> u32 {
    debug!(&context, "oom/finish_task_reaping");
    finish_task_reaping::enter(context.arg(0));
    0
}

#[raw_tracepoint]
fn signal_generate_raw(context: RawTracePointContext) -> u32 {
    signal_generate::enter(&context);
    0
}

#[raw_tracepoint]
fn mark_victim_raw(context: RawTracePointContext) -> u32 {
    debug!(&context, "oom/mark_victim");
    mark_victim::enter(&context);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
