//! What the kernel's OOM killer did not do.

use std::io::{self, Write as _};

use super::super::block::Palette;
use super::super::moment::Moment;
use super::super::units::Size;
use super::super::word::Quoted;
use crate::incident::model::{UserAction, UserKill};
use crate::text::Escaped;

pub(super) fn show(kill: &UserKill, palette: Palette, out: &mut Vec<u8>) -> io::Result<()> {
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
    let alarm = palette.alarm;
    write!(
        out,
        "{}  {alarm}NOT THE KERNEL{alarm:#}  {} ",
        Moment(origin),
        Quoted::from(by.as_str())
    )?;
    match action {
        UserAction::Killed => match signal {
            Some(signal) => write!(out, "sent {signal} to")?,
            None => write!(out, "killed")?,
        },
        UserAction::Evicted => write!(out, "evicted")?,
        UserAction::RanOut => write!(out, "ran out of memory by itself:")?,
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
        write!(out, ", {} resident", Size(*bytes))?;
    }
    if let Some(bytes) = swap_bytes.filter(|bytes| *bytes > 0) {
        write!(out, ", {} in swap", Size(bytes))?;
    }
    writeln!(out)?;
    writeln!(out, "  log        {}\n", Escaped(message.as_bytes()))
}
