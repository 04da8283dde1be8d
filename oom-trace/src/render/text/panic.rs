//! The kernel is about to panic.

use std::io::{self, Write as _};

use super::super::block::{Block, Palette};
use super::super::moment::Moment;
use super::super::wrap::wrap;
use super::{ALL, HEADLINE, candidates, census, limit, machine, nobody, room, trigger};
use crate::incident::model::OomPanic;

pub(super) fn show(panic: &OomPanic, mut block: Block<'_>) -> io::Result<()> {
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
    let Palette { alarm, dim, .. } = block.palette;
    let headline = |block: &mut Block<'_>| {
        let (time, start) = (Moment(origin), block.out.len());
        write!(block.out, "{dim}{time}{dim:#}  {alarm}OOM PANIC{alarm:#}  {message}")?;
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
