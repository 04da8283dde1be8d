//! The eBPF program: its entry points. `probes` says what each hook does.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(unsafe_code, reason = "a helper call is a call into the kernel")]
#![expect(
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "registers and helpers' arguments have one size, pointers another"
)]

mod current;
mod dying;
mod kernel;
mod probes;
mod records;
mod ring;
mod scratch;
mod stack;
mod weighed;

use aya_ebpf::macros::{fentry, fexit, kprobe, kretprobe, raw_tracepoint};
use aya_ebpf::programs::{
    FEntryContext, FExitContext, ProbeContext, RawTracePointContext, RetProbeContext,
};
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

/// Says that a hook was entered, where that is built in.
macro_rules! entered {
    ($context:expr, $hook:expr) => {
        #[cfg(feature = "log")]
        aya_log_ebpf::debug!($context, "{}", $hook);
    };
}

/// The two programs of a hook on the entry of a function, a kprobe and an fentry program. Each
/// argument stands beside its place.
macro_rules! hook {
    (
        $kprobe:ident, $fentry:ident,
        |$source:ident, $context:ident, ($($argument:ident: $place:literal),*)| $enter:expr
    ) => {
        #[kprobe]
        fn $kprobe($context: ProbeContext) -> u32 {
            let $source = KPROBE;
            entered!(&$context, stringify!($kprobe));
            $(let Some($argument) = $context.arg::<u64>($place) else { return 0 };)*
            $enter;
            0
        }

        #[fentry]
        fn $fentry($context: FEntryContext) -> u32 {
            let $source = FENTRY;
            entered!(&$context, stringify!($fentry));
            $(let $argument = kernel::argument(&$context, $place);)*
            $enter;
            0
        }
    };
}

hook!(out_of_memory_kprobe, out_of_memory_fentry, |_source, context, (oc: 0)| {
    out_of_memory::enter(oc);
});

hook!(oom_evaluate_task_kprobe, oom_evaluate_task_fentry, |_source, context, (task: 0, oc: 1)| {
    oom_evaluate_task::enter(task, oc);
});

hook!(oom_kill_process_kprobe, oom_kill_process_fentry, |source, context, (oc: 0, message: 1)| {
    oom_kill_process::enter(source, oc, message, &context);
});

hook!(kill_process_kprobe, kill_process_fentry, |_source, context, (victim: 0)| {
    kill_process::enter(victim);
});

hook!(mark_oom_victim_kprobe, mark_oom_victim_fentry, |source, context, (victim: 0)| {
    mark_oom_victim::enter(source, victim, &context);
});

hook!(print_oom_group_kprobe, print_oom_group_fentry, |source, context, (memcg: 0)| {
    print_oom_group::enter(source, memcg);
});

hook!(print_oom_meminfo_kprobe, print_oom_meminfo_fentry, |source, context, (memcg: 0)| {
    print_oom_meminfo::enter(source, memcg);
});

hook!(dump_header_kprobe, dump_header_fentry, |source, context, (oc: 0)| {
    dump_header::enter(source, oc, &context);
});

hook!(exit_oom_victim_kprobe, exit_oom_victim_fentry, |source, _context, ()| {
    exit_oom_victim::enter(source);
});

#[kretprobe]
fn oom_kill_process_kretprobe(_: RetProbeContext) -> u32 {
    oom_kill_process::leave(KPROBE);
    0
}

#[fexit]
fn oom_kill_process_fexit(_: FExitContext) -> u32 {
    oom_kill_process::leave(FENTRY);
    0
}

#[fexit]
fn exit_mmap_fexit(context: FExitContext) -> u32 {
    exit_mmap::leave(FENTRY, kernel::argument(&context, 0));
    0
}

#[raw_tracepoint]
fn finish_task_reaping_raw(context: RawTracePointContext) -> u32 {
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
    mark_victim::enter(&context);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
