//! The machine: what it is, and how its memory stood.

use std::cmp::Reverse;
use std::fmt;
use std::io;

use super::super::block::{Block, Line};
use super::super::quote::Quoted;
use super::super::units::{Age, Size};
use crate::incident::model::{Allocation, Build, HugePages, Node, Origin, Pressure, Slab, System};
use crate::text::Escaped;

/// Smaller ones did not make the shortage.
const SLABS: usize = 4;

pub(super) fn show(origin: &Origin, build: &Build, block: &mut Block<'_>) -> io::Result<()> {
    let Origin { time: _, time_guessed: _, boot_ns: _, boot_id: _, host, kernel } = origin;
    block.line("machine", |line| {
        if let Some(host) = host {
            line.item(format_args!("{}", Quoted::from(host.as_str())))?;
        }
        if let Some(kernel) = kernel {
            line.item(format_args!("kernel {}", Quoted::from(kernel.as_str())))?;
        }
        let Build { kernel_version: _, preempt: _, taint, hardware } = build;
        if let Some(taint) = taint.as_deref().filter(|taint| *taint != "Not tainted") {
            line.item(format_args!("{}", Escaped(taint.trim_end().as_bytes())))?;
        }
        match hardware {
            // The BIOS killed nobody.
            Some(hardware) => {
                let name = hardware.split(", BIOS").next().unwrap_or(hardware);
                line.item(format_args!("{}", Escaped(name.as_bytes())))
            }
            None => Ok(()),
        }
    })
}

pub(super) fn system(system: Option<&System>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(system) = system else { return Ok(()) };
    let System {
        taken_after_ms,
        total_bytes,
        free_bytes,
        available_bytes,
        page_cache_bytes,
        slab_bytes,
        slab_unreclaimable_bytes,
        shmem_bytes,
        page_tables_bytes,
        swap_total_bytes,
        swap_free_bytes,
        commit_limit_bytes,
        committed_bytes,
        overcommit_memory,
        panic_on_oom,
        pressure_some,
        pressure_full,
        nodes,
        zones: _,
        node_counters: _,
        huge_pages,
        counters: _,
        unreclaimable_slabs,
        allocations,
        protection: _,
    } = system;
    block.line("system", |line| {
        free(format_args!(""), *free_bytes, *total_bytes, line)?;
        if let Some(bytes) = available_bytes {
            line.item(format_args!("{} available", Size(*bytes)))?;
        }
        if *swap_total_bytes != Some(0) {
            free(format_args!("swap "), *swap_free_bytes, *swap_total_bytes, line)?;
        }
        // Only then does the kernel refuse what goes beyond.
        if let (Some(2), Some(used), Some(limit)) =
            (overcommit_memory, committed_bytes, commit_limit_bytes)
        {
            line.item(format_args!("{} of {} committed", Size(*used), Size(*limit)))?;
        }
        if let Some(value) = panic_on_oom.filter(|value| *value != 0) {
            line.item(format_args!("vm.panic_on_oom {value}"))?;
        }
        match taken_after_ms.filter(|after| *after > 0) {
            Some(after) => line.item(format_args!("read {} later", Age(after))),
            None => Ok(()),
        }
    })?;
    block.line("in use", |line| {
        within("page cache", *page_cache_bytes, ("shmem", "shmem"), *shmem_bytes, line)?;
        let kind = ("unreclaimable", "unreclaimable slab");
        within("slab", *slab_bytes, kind, *slab_unreclaimable_bytes, line)?;
        match page_tables_bytes.filter(|bytes| *bytes > 0) {
            Some(bytes) => line.item(format_args!("page tables {}", Size(bytes))),
            None => Ok(()),
        }
    })?;
    block.line("slabs", |line| {
        let mut slabs: Vec<_> = unreclaimable_slabs.iter().flatten().collect();
        slabs.sort_by_key(|slab| Reverse(slab.total_bytes));
        for Slab { name, used_bytes: _, total_bytes } in slabs.into_iter().take(SLABS) {
            let name = Quoted::from(name.as_str());
            line.item(format_args!("{name} {}", Size(*total_bytes)))?;
        }
        Ok(())
    })?;
    block.line("allocated", |line| {
        for Allocation { bytes, function, module, .. } in allocations.iter().flatten().take(SLABS) {
            let (function, size) = (Quoted::from(function.as_str()), Size(*bytes));
            match module.as_deref().map(Quoted::from) {
                Some(module) => line.item(format_args!("by {function}() of {module} {size}"))?,
                None => line.item(format_args!("by {function}() {size}"))?,
            }
        }
        Ok(())
    })?;
    block.line("huge pages", |line| {
        for HugePages { node, size_bytes, total, free: unused, surplus: _ } in
            huge_pages.iter().flatten().filter(|pool| pool.total > 0)
        {
            let bytes = |count: u64| Some(size_bytes.saturating_mul(count));
            let node = node.map_or_else(String::new, |node| format!("node {node} "));
            free(format_args!("{node}"), bytes(*unused), bytes(*total), line)?;
        }
        Ok(())
    })?;
    block.line("pressure", |line| {
        pressure("some", pressure_some.as_ref(), line)?;
        pressure("full", pressure_full.as_ref(), line)
    })?;
    block.line("nodes", |line| {
        for Node { node, total_bytes, free_bytes } in
            nodes.iter().filter(|nodes| nodes.len() > 1).flatten()
        {
            free(format_args!("node {node} "), *free_bytes, *total_bytes, line)?;
        }
        Ok(())
    })
}

fn free(
    what: fmt::Arguments<'_>,
    free_bytes: Option<u64>,
    total_bytes: Option<u64>,
    line: &mut Line<'_>,
) -> io::Result<()> {
    match (free_bytes, total_bytes) {
        (Some(free), Some(total)) => {
            line.item(format_args!("{what}{} of {} free", Size(free), Size(total)))
        }
        (Some(free), None) => line.item(format_args!("{what}{} free", Size(free))),
        (None, Some(total)) => line.item(format_args!("{what}{}", Size(total))),
        (None, None) => Ok(()),
    }
}

/// A size, and what of it is of a kind: `slab 9.1 MiB (unreclaimable 8.2 MiB)`.
fn within(
    what: &str,
    bytes: Option<u64>,
    (kind, alone): (&str, &str),
    of_it: Option<u64>,
    line: &mut Line<'_>,
) -> io::Result<()> {
    let told = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0);
    match (told(bytes), told(of_it)) {
        (Some(bytes), Some(of_it)) => {
            line.item(format_args!("{what} {} ({kind} {})", Size(bytes), Size(of_it)))
        }
        (Some(bytes), None) => line.item(format_args!("{what} {}", Size(bytes))),
        (None, Some(of_it)) => line.item(format_args!("{alone} {}", Size(of_it))),
        (None, None) => Ok(()),
    }
}

fn pressure(who: &str, pressure: Option<&Pressure>, line: &mut Line<'_>) -> io::Result<()> {
    let Some(Pressure { avg10, avg60, avg300 }) = pressure else { return Ok(()) };
    if [avg10, avg60, avg300].iter().all(|percent| **percent == 0.0) {
        return Ok(());
    }
    let shares = format_args!("{who} avg10={avg10:.1} avg60={avg60:.1} avg300={avg300:.1}");
    line.joined("; ", shares)
}
