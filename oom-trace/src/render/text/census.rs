//! All that were weighed, by name and by cgroup.

use std::io;

use super::super::block::{Block, Line};
use super::super::quote::Quoted;
use super::super::units::Size;
use crate::incident::model::{Census, CgroupGroup, NameGroup, Sum};
use crate::text::KernelText;

/// More would not be read; JSON has all.
const ROWS: usize = 8;

pub(super) fn show(census: Option<&Census>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(Census { total, by_name, other_names, by_cgroup, other_cgroups }) = census else {
        return Ok(());
    };
    block.line("together", |line| sum(total, line))?;
    block.list("by name", by_name.iter().take(ROWS), |line, NameGroup { comm, sum: it }| {
        group(comm.as_ref(), it, line)
    })?;
    let more = by_name.iter().skip(ROWS).map(|group| &group.sum).chain(other_names);
    others(more, "names", block)?;
    let cgroups = by_cgroup.iter().flatten();
    block.list(
        "by cgroup",
        cgroups.clone().take(ROWS),
        |line, CgroupGroup { cgroup, sum: it }| group(Some(cgroup), it, line),
    )?;
    let more = cgroups.skip(ROWS).map(|group| &group.sum).chain(other_cgroups);
    others(more, "cgroups", block)
}

fn group(name: Option<&KernelText>, it: &Sum, line: &mut Line<'_>) -> io::Result<()> {
    match name {
        Some(name) => line.item(format_args!("{}", Quoted::from(name)))?,
        None => line.item(format_args!("of unknown name"))?,
    }
    line.joined(": ", format_args!("{}", count(it.processes)))?;
    rest(it, line)
}

/// Those that no line is for, as one.
fn others<'a>(
    sums: impl Iterator<Item = &'a Sum>,
    what: &str,
    block: &mut Block<'_>,
) -> io::Result<()> {
    let sums = sums.cloned().reduce(Sum::plus);
    block.line("", |line| match &sums {
        Some(sums) => {
            line.item(format_args!("other {what}: {}", count(sums.processes)))?;
            rest(sums, line)
        }
        None => Ok(()),
    })
}

fn sum(it: &Sum, line: &mut Line<'_>) -> io::Result<()> {
    line.item(format_args!("{}", count(it.processes)))?;
    rest(it, line)
}

fn count(processes: u64) -> String {
    format!("{processes} process{}", if processes == 1 { "" } else { "es" })
}

fn rest(it: &Sum, line: &mut Line<'_>) -> io::Result<()> {
    let Sum {
        processes,
        unkillable,
        rss_bytes,
        memory,
        largest_pid,
        largest_bytes,
        min_oom_score_adj: _,
        max_oom_score_adj: _,
    } = it;
    if let Some(bytes) = rss_bytes {
        line.item(format_args!("{} resident", Size(*bytes)))?;
    }
    if let Some(bytes) = memory.swap_bytes.filter(|bytes| *bytes > 0) {
        line.item(format_args!("{} in swap", Size(bytes)))?;
    }
    if let Some((pid, bytes)) = largest_pid.zip(*largest_bytes).filter(|_| *processes > 1) {
        line.item(format_args!("largest {} (pid {pid})", Size(bytes)))?;
    }
    match (*unkillable, *processes) {
        (0, _) => Ok(()),
        (1, 1) => line.item(format_args!("may not be killed")),
        (all, processes) if all == processes => line.item(format_args!("none may be killed")),
        (some, _) => line.item(format_args!("{some} may not be killed")),
    }
}
