//! Nobody could be killed.

use std::io::{self, Write as _};

use super::super::block::Block;
use super::super::units::Age;
use super::nobody::Nobody;
use crate::incident::model::{OomFailed, Scope};

pub(super) fn show(failed: &OomFailed, block: Block<'_>) -> io::Result<()> {
    let OomFailed {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        message: _,
        failures,
        lasted_ms,
        shortage,
        candidates,
        census,
        system,
        why,
    } = failed;
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
    nobody.show(block, |out| {
        write!(out, "{alarm}OOM FAILED{alarm:#}  ")?;
        let place = if shortage.scope == Some(Scope::Memcg) { " in the cgroup" } else { "" };
        write!(out, "out of memory, and no process{place} may be killed")?;
        if *failures > 1 {
            write!(out, " ({failures} times")?;
            if let Some(lasted) = lasted_ms.filter(|lasted| *lasted > 0) {
                write!(out, " in {}", Age(lasted))?;
            }
            write!(out, ")")?;
        }
        Ok(())
    })
}
