//! The kernel is about to panic.

use std::io::{self, Write as _};

use super::super::block::Block;
use super::nobody::Nobody;
use crate::incident::model::OomPanic;

pub(super) fn show(panic: &OomPanic, block: Block<'_>) -> io::Result<()> {
    let OomPanic {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        message,
        shortage,
        candidates,
        census,
        system,
        why,
    } = panic;
    let nobody = Nobody {
        origin,
        incident,
        source: *source,
        shortage,
        candidates: candidates.as_ref(),
        census: census.as_ref(),
        system: system.as_ref(),
        why: why.as_ref(),
    };
    let alarm = block.palette.alarm;
    nobody.show(block, |out| write!(out, "{alarm}OOM PANIC{alarm:#}  {message}"))
}
