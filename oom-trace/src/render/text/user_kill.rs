//! What the kernel's OOM killer did not do.

use std::io::{self, Write as _};

use super::super::block::{Block, Palette};
use super::super::moment::Moment;
use super::super::quote::Quoted;
use super::super::units::Size;
use super::super::wrap::wrap;
use super::HEADLINE;
use crate::incident::model::{UserAction, UserKill};
use crate::text::Escaped;

pub(super) fn show(kill: &UserKill, mut block: Block<'_>) -> io::Result<()> {
    let UserKill {
        schema: _,
        kind: _,
        incident: _,
        origin,
        source: _,
        by,
        action,
        signal,
        pid,
        comm,
        uid,
        cgroup,
        pod,
        rss_bytes,
        swap_bytes,
        message,
    } = kill;
    let Palette { alarm, dim, .. } = block.palette;
    let (time, start) = (Moment(origin), block.out.len());
    let out = &mut *block.out;
    let by = Quoted::from(by.as_str());
    // A driver of kernels for Android, beside the OOM killer.
    let not = match action {
        UserAction::Reported => "NOT THE KERNEL'S LOG",
        _ if kill.by == "lowmemorykiller" => "NOT THE OOM KILLER",
        _ => "NOT THE KERNEL",
    };
    write!(out, "{dim}{time}{dim:#}  {alarm}{not}{alarm:#}  {by} ")?;
    match action {
        UserAction::Killed => match signal {
            Some(signal) => write!(out, "sent {signal} to")?,
            None => write!(out, "killed")?,
        },
        UserAction::Evicted => write!(out, "evicted")?,
        UserAction::RanOut => write!(out, "ran out of memory by itself:")?,
        UserAction::Reported => match pod {
            Some(_) => write!(out, "reports an OOM kill in pod")?,
            None => write!(out, "reports an OOM kill of")?,
        },
    }
    match (comm, cgroup, pod) {
        (Some(comm), ..) => write!(out, " {}", Quoted::from(comm))?,
        (None, Some(cgroup), _) => write!(out, " {}", Quoted::from(cgroup))?,
        (None, None, Some(pod)) => write!(out, " {}", Quoted::from(pod.as_str()))?,
        (None, None, None) if pid.is_none() && *action != UserAction::RanOut => {
            write!(out, " a process")?;
        }
        _ => {}
    }
    if let Some(pid) = pid {
        write!(out, " (pid {pid})")?;
    }
    if let Some(uid) = uid {
        write!(out, ", uid {uid}")?;
    }
    if let Some(bytes) = rss_bytes {
        write!(out, ", {} RSS", Size(*bytes))?;
    }
    if let Some(bytes) = swap_bytes.filter(|bytes| *bytes > 0) {
        write!(out, ", {} in swap", Size(bytes))?;
    }
    wrap(block.out, start, HEADLINE, block.style.width.into());
    block.out.push(b'\n');
    block.line("log", |line| line.item(format_args!("{}", Escaped(message.as_bytes()))))?;
    block.out.push(b'\n');
    Ok(())
}
