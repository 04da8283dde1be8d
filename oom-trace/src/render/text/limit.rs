//! The cgroup whose limit was hit, and those above it.

use std::io;

use super::super::block::{Block, Line};
use super::super::units::{Size, Used, plural};
use super::super::word::Word;
use crate::incident::model::{Limit, LimitEvents};

pub(super) fn show(limit: Option<&Limit>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    block.line("limit", |line| level(limit, line))?;
    let above = limit.ancestors.iter().flatten();
    block.list("above it", above.filter(|above| has_more_than_its_path(above)), |line, above| {
        level(above, line)
    })
}

/// The root of the hierarchy, for one, has not.
fn has_more_than_its_path(above: &Limit) -> bool {
    above.usage_bytes.is_some_and(|usage| usage > 0) || above.max_bytes.is_some()
}

fn level(limit: &Limit, line: &mut Line<'_>) -> io::Result<()> {
    let Limit {
        cgroup,
        usage_bytes,
        max_bytes,
        failcnt,
        high_bytes,
        low_bytes,
        min_bytes,
        oom_group,
        events,
        swap_usage_bytes,
        swap_max_bytes,
        swap_failcnt: _,
        memsw_usage_bytes,
        memsw_max_bytes,
        memsw_failcnt: _,
        kmem_usage_bytes,
        kmem_max_bytes,
        kmem_failcnt: _,
        stat: _,
        ancestors: _,
    } = limit;
    if let Some(path) = cgroup {
        line.item(format_args!("{}", Word::from(path)))?;
    }
    if let Some(used) = Used::new(*usage_bytes, *max_bytes) {
        line.joined(": ", format_args!("{used}"))?;
    }
    let told = |number: Option<u64>| number.filter(|number| *number > 0);
    for (what, bytes) in
        [("high", *high_bytes), ("low", told(*low_bytes)), ("min", told(*min_bytes))]
    {
        if let Some(bytes) = bytes {
            line.item(format_args!("{what} {}", Size(bytes)))?;
        }
    }
    for (what, usage, max) in [
        ("swap", swap_usage_bytes, swap_max_bytes),
        ("memory and swap", memsw_usage_bytes, memsw_max_bytes),
        ("kernel memory", kmem_usage_bytes, kmem_max_bytes),
    ] {
        let nothing_of_nothing = *usage == Some(0) && max.is_none_or(|max| max == 0);
        if let Some(used) = Used::new(*usage, *max).filter(|_| !nothing_of_nothing) {
            line.item(format_args!("{what} {used}"))?;
        }
    }
    if *oom_group == Some(true) {
        line.item(format_args!("oom.group set"))?;
    }
    // What happened there goes with the cgroup's own counter of its limit, where it has one.
    let LimitEvents { low, high, max, oom: _, oom_kill, oom_group_kill } =
        events.unwrap_or_default();
    for (what, count) in
        [("reached", failcnt.or(max)), ("slowed down", high), ("reclaimed below low", low)]
    {
        if let Some(count) = told(count) {
            line.item(format_args!("{what} {count} time{}", plural(count)))?;
        }
    }
    if let Some(count) = told(oom_kill) {
        line.item(format_args!("{count} killed before"))?;
    }
    match told(oom_group_kill) {
        Some(count) => {
            line.joined(" and ", format_args!("{count} time{} as a group", plural(count)))
        }
        None => Ok(()),
    }
}
