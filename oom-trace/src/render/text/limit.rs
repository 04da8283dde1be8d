//! The cgroup whose limit was hit, and those above it.

use std::io;

use super::super::block::{Block, INDENT, Line};
use super::super::quote::Quoted;
use super::super::units::{Counted, Size};
use crate::incident::model::{Limit, LimitEvents, Scope, Shortage};
use crate::text::Escaped;

/// What of a digest tells it from others, behind a slash.
const DIGEST: usize = 13;

/// Whose limit it was.
pub(super) fn brief(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    let Some(limit) = &shortage.limit else { return none(shortage, block) };
    let room = usize::from(block.style.width).saturating_sub(INDENT);
    block.line("limit", |line| {
        let path = limit.cgroup.as_ref().map(|path| path.as_bytes());
        usage(path.map(|path| short(path, room)), limit, line)?;
        for (what, usage, max) in both(limit) {
            used(what, usage, max, line)?;
        }
        hit(limit, line)
    })
}

/// All of it, and of the cgroups above.
pub(super) fn show(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    let Some(limit) = &shortage.limit else { return none(shortage, block) };
    block.line("limit", |line| level(limit, line))?;
    let above = limit.ancestors.iter().flatten();
    block.list("above it", above.filter(|above| !is_root(above)), |line, above| level(above, line))
}

/// Nobody's limit was hit: said where that is known.
fn none(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    block.line("limit", |line| match shortage.scope {
        Some(Scope::Global) => line.item(format_args!("none: the machine itself")),
        _ => Ok(()),
    })
}

/// It has no limit.
fn is_root(above: &Limit) -> bool {
    above.cgroup.as_ref().is_some_and(|path| path.as_bytes() == b"/")
}

/// A path, or what it ends in where that is too long: whose it is, `why` says by name.
fn short(path: &[u8], room: usize) -> [&[u8]; 3] {
    const CUT: &[u8] = "…".as_bytes();
    if path.len() < room {
        return [b"", path, b""];
    }
    let last = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let end = path.get(last..).unwrap_or(path);
    match end.get(..DIGEST) {
        Some(start) if end.len() >= room && end.is_ascii() => [CUT, start, CUT],
        _ => [CUT, end, b""],
    }
}

/// The cgroup, what is in use, and what may be.
fn usage(path: Option<[&[u8]; 3]>, limit: &Limit, line: &mut Line<'_>) -> io::Result<()> {
    let Limit { usage_bytes, max_bytes, .. } = limit;
    let mut separator = ", ";
    if let Some([before, path, after]) = path {
        line.item(format_args!("{}{}{}", Escaped(before), Quoted::from(path), Escaped(after)))?;
        separator = ": ";
    }
    if let Some(usage) = usage_bytes {
        line.joined(separator, format_args!("usage {}", Size(*usage)))?;
        separator = ", ";
    }
    match max_bytes {
        Some(max) => line.joined(separator, format_args!("limit {}", Size(*max))),
        None => Ok(()),
    }
}

/// A usage and its limit by name, unless both are nothing.
fn used(what: &str, usage: Option<u64>, max: Option<u64>, line: &mut Line<'_>) -> io::Result<()> {
    match (usage, max) {
        (Some(0), None | Some(0)) | (None, None) => Ok(()),
        (Some(usage), Some(max)) => {
            line.item(format_args!("{what} {} (limit {})", Size(usage), Size(max)))
        }
        (Some(usage), None) => line.item(format_args!("{what} {}", Size(usage))),
        (None, Some(max)) => line.item(format_args!("{what} limit {}", Size(max))),
    }
}

type Both = (&'static str, Option<u64>, Option<u64>);

fn both(limit: &Limit) -> [Both; 3] {
    [
        ("swap", limit.swap_usage_bytes, limit.swap_max_bytes),
        ("memory+swap", limit.memsw_usage_bytes, limit.memsw_max_bytes),
        ("kernel memory", limit.kmem_usage_bytes, limit.kmem_max_bytes),
    ]
}

/// The counter of the limit is its own, `memory.events` counts the cgroups below as well.
fn hit(limit: &Limit, line: &mut Line<'_>) -> io::Result<()> {
    let told = |number: Option<u64>| number.filter(|number| *number > 0);
    let events = limit.events.unwrap_or_default();
    match (told(limit.failcnt), limit.failcnt, told(events.max)) {
        (Some(count), ..) => line.item(format_args!("limit hit {}", Counted(count, "time"))),
        (None, None, Some(count)) => {
            line.item(format_args!("limit hit {} here or below", Counted(count, "time")))
        }
        _ => Ok(()),
    }
}

fn level(limit: &Limit, line: &mut Line<'_>) -> io::Result<()> {
    let Limit {
        cgroup,
        usage_bytes: _,
        max_bytes: _,
        failcnt: _,
        high_bytes,
        low_bytes,
        min_bytes,
        oom_group,
        events,
        swap_usage_bytes: _,
        swap_max_bytes: _,
        swap_failcnt: _,
        memsw_usage_bytes: _,
        memsw_max_bytes: _,
        memsw_failcnt: _,
        kmem_usage_bytes: _,
        kmem_max_bytes: _,
        kmem_failcnt: _,
        stat: _,
        ancestors: _,
    } = limit;
    usage(cgroup.as_ref().map(|path| [&b""[..], path.as_bytes(), b""]), limit, line)?;
    let told = |number: Option<u64>| number.filter(|number| *number > 0);
    for (what, bytes) in
        [("high", *high_bytes), ("low", told(*low_bytes)), ("min", told(*min_bytes))]
    {
        if let Some(bytes) = bytes {
            line.item(format_args!("{what} {}", Size(bytes)))?;
        }
    }
    for (what, usage, max) in both(limit) {
        used(what, usage, max, line)?;
    }
    if *oom_group == Some(true) {
        line.item(format_args!("memory.oom.group set"))?;
    }
    hit(limit, line)?;
    let LimitEvents { low, high, max: _, oom: _, oom_kill, oom_group_kill } =
        events.unwrap_or_default();
    let counts = [
        ("throttled at memory.high", high),
        ("reclaimed below memory.low", low),
        ("OOM-killed here or below before", oom_kill),
        ("killed as a group before", oom_group_kill),
    ];
    for (what, count) in counts {
        if let Some(count) = told(count) {
            line.item(format_args!("{what}: {count}"))?;
        }
    }
    Ok(())
}
