//! Nobody could be killed.

use std::io::{self, Write as _};

use super::super::block::{Block, Palette};
use super::super::moment::Moment;
use super::super::quote::Quoted;
use super::super::units::Age;
use super::super::wrap::wrap;
use super::{HEADLINE, candidates, census, limit, machine, trigger};
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
    } = failed;
    let path = shortage.limit.as_ref().and_then(|limit| limit.cgroup.as_ref());
    let Palette { alarm, dim, .. } = block.palette;
    let (time, start) = (Moment(origin), block.out.len());
    let out = &mut *block.out;
    write!(out, "{dim}{time}{dim:#}  {alarm}OOM FAILED{alarm:#}  ")?;
    match (path, shortage.scope) {
        (Some(path), _) => write!(out, "cgroup {} is out of memory", Quoted::from(path))?,
        (None, Some(Scope::Memcg)) => write!(out, "a cgroup is out of memory")?,
        _ => write!(out, "out of memory")?,
    }
    write!(out, ", and no process in it may be killed")?;
    if *failures > 1 {
        write!(out, " ({failures} times")?;
        if let Some(lasted) = lasted_ms.filter(|lasted| *lasted > 0) {
            write!(out, " in {}", Age(lasted))?;
        }
        write!(out, ")")?;
    }
    wrap(block.out, start, HEADLINE, block.style.width.into());
    block.out.push(b'\n');
    if !block.style.verbose {
        limit::brief(shortage.limit.as_ref(), &mut block)?;
        candidates::table(candidates.as_ref(), None, &mut block)?;
        block.out.push(b'\n');
        return Ok(());
    }
    limit::show(shortage.limit.as_ref(), &mut block)?;
    trigger::show(shortage, &mut block)?;
    candidates::show(candidates.as_ref(), &mut block)?;
    census::show(census.as_ref(), &mut block)?;
    machine::system(system.as_ref(), &mut block)?;
    machine::show(origin, &shortage.build, &mut block)?;
    super::end(incident, *source, &mut block)
}
