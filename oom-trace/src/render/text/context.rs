//! What surrounded the kill: the limit, the allocation, the other candidates, the machine.

use std::io;

use super::super::block::{Block, Line};
use super::super::units::{Joined, Size, Used, resident};
use super::super::word::{Who, Word};
use crate::incident::model::{
    Build, Candidate, Candidates, Limit, Origin, Shortage, System, Trigger,
};
use crate::text::Escaped;

pub(super) fn limit(limit: Option<&Limit>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    block.line("limit", |line| level(limit, line))?;
    block.list("above it", limit.ancestors.as_deref().unwrap_or_default(), |line, above| {
        level(above, line)
    })
}

fn level(limit: &Limit, line: &mut Line<'_>) -> io::Result<()> {
    let Limit {
        cgroup,
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
        swap_failcnt: _,
        memsw_usage_bytes,
        memsw_max_bytes,
        memsw_failcnt: _,
        kmem_usage_bytes,
        kmem_max_bytes,
        kmem_failcnt: _,
        ancestors: _,
    } = limit;
    if let Some(path) = cgroup {
        line.item(format_args!("{}", Word::from(path)))?;
    }
    if let Some(used) = Used::new(*usage_bytes, *max_bytes) {
        line.joined(": ", format_args!("{used}"))?;
    }
    for (what, usage, max) in [
        ("swap", swap_usage_bytes, swap_max_bytes),
        ("memory and swap", memsw_usage_bytes, memsw_max_bytes),
        ("kernel memory", kmem_usage_bytes, kmem_max_bytes),
    ] {
        if let Some(used) = Used::new(*usage, *max) {
            line.item(format_args!("{what} {used}"))?;
        }
    }
    match failcnt {
        Some(count) => line.item(format_args!("reached {count} time{}", plural(*count))),
        None => Ok(()),
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

pub(super) fn trigger(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    let Shortage { trigger: Some(trigger), nodemask, cpu, .. } = shortage else { return Ok(()) };
    let Trigger {
        pid,
        tid,
        comm,
        uid,
        oom_score_adj: _,
        gfp_mask,
        gfp_flags,
        order,
        cgroup,
        cpuset,
        mems_allowed,
    } = trigger;
    block.line("trigger", |line| {
        if comm.is_some() || tid.is_some() {
            line.item(format_args!("{}", Who { comm: comm.as_ref(), pid: *pid, tid: *tid }))?;
        }
        if let Some(uid) = uid {
            line.item(format_args!("uid {uid}"))?;
        }
        if let Some(cgroup) = cgroup {
            line.item(format_args!("in {}", Word::from(cgroup)))?;
        }
        match cpu {
            Some(cpu) => line.item(format_args!("on CPU {cpu}")),
            None => Ok(()),
        }
    })?;
    let asked = order.is_some() || gfp_mask.is_some();
    block.line(if asked { "asked for" } else { "allowed" }, |line| {
        // sysrq says order -1: nobody asked.
        let pages = order.and_then(|order| 1_u64.checked_shl(u32::try_from(order).ok()?));
        if let (Some(order), Some(pages)) = (order, pages) {
            line.item(format_args!("{pages} page{} (order {order})", plural(pages)))?;
        }
        match (gfp_flags, gfp_mask) {
            (Some(flags), _) => line.item(format_args!("{}", Joined(flags, "|")))?,
            (None, Some(mask)) => line.item(format_args!("gfp_mask {mask}"))?,
            (None, None) => {}
        }
        if let Some(nodes) = nodemask {
            line.item(format_args!("bound to nodes {nodes}"))?;
        }
        match (cpuset, mems_allowed) {
            (Some(cpuset), Some(nodes)) => {
                line.item(format_args!("cpuset {} with nodes {nodes}", Word::from(cpuset)))
            }
            (None, Some(nodes)) => line.item(format_args!("cpuset with nodes {nodes}")),
            (Some(cpuset), None) => line.item(format_args!("cpuset {}", Word::from(cpuset))),
            (None, None) => Ok(()),
        }
    })
}

pub(super) fn candidates(candidates: Option<&Candidates>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(Candidates { total, top, largest: _, margin: _, decided_by_adj: _ }) = candidates
    else {
        return Ok(());
    };
    block.line("candidates", |line| {
        line.item(format_args!("{total}"))?;
        if top.is_empty() {
            return Ok(());
        }
        line.item(format_args!("the worst of them:"))
    })?;
    block.list("", top, |line, candidate| {
        let Candidate { pid, tid: _, comm, cgroup, memory, oom_score_adj, badness } = candidate;
        if let Some(points) = badness {
            line.item(format_args!("{points:>9} pages"))?;
        }
        line.item(format_args!(
            "{}",
            Who { comm: comm.as_ref(), pid: Some(*pid), tid: Some(*pid) }
        ))?;
        if let Some(bytes) = resident(memory) {
            line.item(format_args!("{} resident", Size(bytes)))?;
        }
        if let Some(adj) = oom_score_adj {
            line.item(format_args!("oom_score_adj {adj}"))?;
        }
        match cgroup {
            Some(cgroup) => line.item(format_args!("in {}", Word::from(cgroup))),
            None => Ok(()),
        }
    })
}

pub(super) fn machine(
    origin: &Origin,
    build: &Build,
    system: Option<&System>,
    block: &mut Block<'_>,
) -> io::Result<()> {
    let Origin { time: _, boot_ns: _, boot_id: _, host, kernel } = origin;
    block.line("machine", |line| {
        if let Some(host) = host {
            line.item(format_args!("{}", Word::from(host.as_str())))?;
        }
        if let Some(kernel) = kernel {
            line.item(format_args!("kernel {}", Word::from(kernel.as_str())))?;
        }
        let Build { kernel_version: _, preempt: _, taint, hardware } = build;
        if let Some(taint) = taint.as_deref().filter(|taint| *taint != "Not tainted") {
            line.item(format_args!("{}", Escaped(taint.trim_end().as_bytes())))?;
        }
        if let Some(hardware) = hardware {
            line.item(format_args!("{}", Escaped(hardware.as_bytes())))?;
        }
        let Some(System {
            total_bytes,
            free_bytes,
            available_bytes,
            swap_total_bytes,
            swap_free_bytes,
            ..
        }) = system
        else {
            return Ok(());
        };
        for (bytes, what) in [
            (total_bytes, "memory"),
            (available_bytes, "available"),
            (free_bytes, "free"),
            (swap_total_bytes, "swap"),
            (swap_free_bytes, "of it free"),
        ] {
            if let Some(bytes) = bytes {
                line.item(format_args!("{} {what}", Size(*bytes)))?;
            }
        }
        Ok(())
    })
}
