//! Whether it helped.

use std::io::{self, Write};

use super::super::Style;
use super::super::block::Palette;
use super::super::moment::Moment;
use super::super::quote::TaskLabel;
use super::super::units::{Age, Size};
use super::super::wrap::wrap;
use super::HEADLINE;
use crate::incident::model::{ExitState, FreedBy, Memory, OomExit};

/// One line where there is room, and no empty one after it: the block of its kill went before.
pub(super) fn show(exit: &OomExit, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    let OomExit {
        schema: _,
        kind: _,
        incident: _,
        origin,
        source: _,
        pid,
        tid,
        comm,
        state,
        freed_after_ms,
        stuck_for_ms,
        by,
        kill_missing,
        left,
    } = exit;
    let palette = Palette::from(style);
    let start = out.len();
    let (event, emphasis) = match state {
        ExitState::Freed => ("OOM EXIT", palette.strong),
        ExitState::Stuck => ("OOM STUCK", palette.alarm),
    };
    let Palette { strong, dim, .. } = palette;
    let time = Moment(origin);
    let who = TaskLabel { comm: comm.as_ref(), pid: Some(*pid), tid: Some(*tid) };
    write!(out, "{dim}{time}{dim:#}  {emphasis}{event}{emphasis:#}  {strong}{who}{strong:#}: ")?;
    match state {
        ExitState::Freed => freed(*freed_after_ms, *by, left.as_ref(), out)?,
        ExitState::Stuck => stuck(*stuck_for_ms, left.as_ref(), out)?,
    }
    if *kill_missing {
        out.extend_from_slice(b"; no line of its kill is in the log");
    }
    // Where there is room, or no terminal, it stays one line.
    if style.width < Style::WIDTH {
        wrap(out, start, HEADLINE, style.width.into());
    }
    out.push(b'\n');
    Ok(())
}

fn freed(
    after_ms: Option<u64>,
    by: Option<FreedBy>,
    left: Option<&Memory>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    out.extend_from_slice(b"memory released");
    if let Some(ms) = after_ms {
        write!(out, " {} after the kill", Age(ms))?;
    }
    out.extend_from_slice(match by {
        Some(FreedBy::Exit) => b" (exit_mmap)",
        Some(FreedBy::Reaper) => b" (oom_reaper)",
        None => b"",
    });
    match left.and_then(Memory::resident).filter(|bytes| *bytes > 0) {
        Some(bytes) => write!(out, ", {} not freed", Size(bytes)),
        None => Ok(()),
    }
}

fn stuck(for_ms: Option<u64>, left: Option<&Memory>, out: &mut Vec<u8>) -> io::Result<()> {
    match left.and_then(Memory::resident) {
        Some(bytes) => write!(out, "still holds {}", Size(bytes))?,
        None => write!(out, "still holds its memory")?,
    }
    match for_ms {
        Some(ms) => write!(out, " {} after the kill", Age(ms)),
        None => Ok(()),
    }
}
