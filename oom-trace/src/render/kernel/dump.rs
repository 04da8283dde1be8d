//! The dump before the kill: who asked, on which machine, how it came there, and whose limit it was.

use std::io::{self, Write};

use super::super::units::Joined;
use super::kmsg::Kmsg;
use crate::incident::model::{Build, Limit, Origin, Shortage, Trigger};
use crate::release::Release;

/// From this version on the dump names the user (`dump_stack_print_info`, lib/dump_stack.c).
const SHOWS_UID: (u32, u32) = (6, 12);

/// From this version on it names the preemption model.
const SHOWS_PREEMPT: (u32, u32) = (6, 15);

/// From this version on there is room for a build id before Debian's package.
const SHOWS_BUILD_ID: (u32, u32) = (5, 14);

/// From this version on x86 marks the part of the stack that belongs to the task
/// (`show_trace_log_lvl`, arch/x86/kernel/dumpstack.c).
const MARKS_TASK: (u32, u32) = (5, 16);

/// Where it is not known: that of x86, and of most others.
const PAGE_SIZE: u64 = 4096;

/// `PAGE_COUNTER_MAX` (include/linux/page_counter.h) in KiB: no limit. The same for all sizes of
/// pages, but for those bytes that a page is larger.
fn no_limit_kib(page_size: u64) -> u64 {
    i64::MAX as u64 / page_size * (page_size / 1024)
}

pub(super) fn dump(origin: &Origin, shortage: &Shortage, out: &mut Vec<u8>) -> io::Result<()> {
    let Shortage {
        scope: _,
        constraint: _,
        nodemask: _,
        page_size_bytes,
        totalpages: _,
        trigger,
        limit,
        cpu,
        build,
        stack,
    } = shortage;
    let release = origin.kernel.as_deref().unwrap_or_default();
    let version = Release::new(release).version();
    if let Some(trigger) = trigger {
        invoked(trigger, out)?;
        if let Some(cpu) = cpu {
            on_cpu(*cpu, trigger, origin, build, version, out)?;
        }
    }
    if let Some(hardware) = &build.hardware {
        writeln!(out, "Hardware name: {}", Kmsg::from(hardware.as_str()))?;
    }
    if let Some(stack) = stack {
        calls(stack, version, out)?;
    }
    match limit {
        Some(limit) => usage(limit, page_size_bytes.unwrap_or(PAGE_SIZE), out),
        None => Ok(()),
    }
}

fn invoked(trigger: &Trigger, out: &mut Vec<u8>) -> io::Result<()> {
    let Trigger {
        comm: Some(comm),
        gfp_mask: Some(mask),
        gfp_flags: Some(flags),
        order: Some(order),
        oom_score_adj: Some(adj),
        ..
    } = trigger
    else {
        return Ok(());
    };
    writeln!(
        out,
        "{} invoked oom-killer: gfp_mask={mask}({}), order={order}, oom_score_adj={adj}",
        Kmsg::from(comm),
        Joined(flags, "|"),
    )
}

fn on_cpu(
    cpu: u32,
    trigger: &Trigger,
    origin: &Origin,
    build: &Build,
    version: (u32, u32),
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let Build { kernel_version: Some(built), preempt, taint: Some(taint), hardware: _ } = build
    else {
        return Ok(());
    };
    let (Trigger { tid: Some(tid), comm: Some(comm), uid, .. }, Some(release)) =
        (trigger, &origin.kernel)
    else {
        return Ok(());
    };
    let mut line = format!("CPU: {cpu}");
    if version >= SHOWS_UID {
        let Some(uid) = uid else { return Ok(()) };
        line.push_str(&format!(" UID: {uid}"));
    }
    line.push_str(&format!(" PID: {tid} Comm: {} {taint}", Kmsg::from(comm)));
    let number = built.split(' ').next().unwrap_or_default();
    line.push_str(&format!(" {release} {number}"));
    if version >= SHOWS_PREEMPT {
        let Some(preempt) = preempt else { return Ok(()) };
        line.push_str(&format!(" {preempt} "));
    }
    if let Some(package) = debian_package(built) {
        let gap = if (SHOWS_BUILD_ID..SHOWS_PREEMPT).contains(&version) { " " } else { "" };
        let end = if version >= SHOWS_PREEMPT { " " } else { "" };
        line.push_str(&format!("{gap} {package}{end}"));
    }
    writeln!(out, "{line}")
}

/// Debian's kernels name their package: `#1 SMP Debian 6.1.176-1 (2026-07-01)`.
fn debian_package(built: &str) -> Option<&str> {
    let package = built.get(built.find("Debian ")?..)?;
    Some(package.split_once(" (").map_or(package, |(package, _)| package))
}

fn calls(stack: &[String], version: (u32, u32), out: &mut Vec<u8>) -> io::Result<()> {
    let marks_task = cfg!(target_arch = "x86_64") && version >= MARKS_TASK;
    // What arm64 calls it (`dump_backtrace`, arch/arm64/kernel/stacktrace.c).
    let title = if cfg!(target_arch = "aarch64") { "Call trace:" } else { "Call Trace:" };
    writeln!(out, "{title}")?;
    if marks_task {
        writeln!(out, " <TASK>")?;
    }
    for frame in stack {
        writeln!(out, " {}", Kmsg::from(frame.as_str()))?;
    }
    if marks_task {
        writeln!(out, " </TASK>")?;
    }
    Ok(())
}

/// `mem_cgroup_print_oom_meminfo`, mm/memcontrol.c.
fn usage(limit: &Limit, page_size: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let Limit {
        cgroup: _,
        usage_bytes,
        max_bytes,
        failcnt,
        high_bytes: _,
        low_bytes: _,
        min_bytes: _,
        oom_group: _,
        events: _,
        swap_usage_bytes,
        swap_max_bytes,
        swap_failcnt,
        memsw_usage_bytes,
        memsw_max_bytes,
        memsw_failcnt,
        kmem_usage_bytes,
        kmem_max_bytes,
        kmem_failcnt,
        stat: _,
        ancestors: _,
    } = limit;
    for (name, usage, max, failcnt) in [
        ("memory", usage_bytes, max_bytes, failcnt),
        ("swap", swap_usage_bytes, swap_max_bytes, swap_failcnt),
        ("memory+swap", memsw_usage_bytes, memsw_max_bytes, memsw_failcnt),
        ("kmem", kmem_usage_bytes, kmem_max_bytes, kmem_failcnt),
    ] {
        if let (Some(usage), Some(failcnt)) = (usage, failcnt) {
            let max = max.map_or(no_limit_kib(page_size), |max| max / 1024);
            writeln!(out, "{name}: usage {}kB, limit {max}kB, failcnt {failcnt}", usage / 1024)?;
        }
    }
    Ok(())
}
