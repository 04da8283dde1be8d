//! Nobody could be killed.

use std::io::{self, Write as _};

use super::super::block::{Block, Palette};
use super::super::moment::Moment;
use super::super::units::Age;
use super::super::wrap::wrap;
use super::{ALL, HEADLINE, candidates, census, limit, machine, nobody, room, trigger};
use crate::incident::model::{OomFailed, Scope};

pub(super) fn show(failed: &OomFailed, mut block: Block<'_>) -> io::Result<()> {
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
    let Palette { alarm, dim, .. } = block.palette;
    let headline = |block: &mut Block<'_>| {
        let (time, start) = (Moment(origin), block.out.len());
        let out = &mut *block.out;
        write!(out, "{dim}{time}{dim:#}  {alarm}OOM FAILED{alarm:#}  ")?;
        let place = if shortage.scope == Some(Scope::Memcg) { " in the cgroup" } else { "" };
        write!(out, "out of memory, and no process{place} may be killed")?;
        if *failures > 1 {
            write!(out, " ({failures} times")?;
            if let Some(lasted) = lasted_ms.filter(|lasted| *lasted > 0) {
                write!(out, " in {}", Age(lasted))?;
            }
            write!(out, ")")?;
        }
        wrap(block.out, start, HEADLINE, block.style.width.into());
        block.out.push(b'\n');
        io::Result::Ok(())
    };
    if !block.style.verbose {
        room::fit(&mut block, |room, block| {
            headline(block)?;
            nobody::brief(
                shortage,
                why.as_ref(),
                (candidates.as_ref(), census.as_ref()),
                room,
                block,
            )
        })?;
        block.out.push(b'\n');
        return Ok(());
    }
    headline(&mut block)?;
    super::why(why.as_ref(), ALL, &mut block)?;
    limit::show(shortage.limit.as_ref(), &mut block)?;
    trigger::show(shortage, &mut block)?;
    candidates::show(candidates.as_ref(), &mut block)?;
    census::show(census.as_ref(), &mut block)?;
    machine::system(system.as_ref(), &mut block)?;
    machine::show(origin, &shortage.build, &mut block)?;
    super::end(incident, *source, &mut block)
}
