//! A shortage in which nobody was killed.

use std::io::{self, Write as _};

use super::super::block::Block;
use super::super::moment::Moment;
use super::super::wrap::wrap;
use super::room::{self, Room};
use super::{ALL, HEADLINE, candidates, census, limit, machine, trigger};
use crate::incident::model::{Candidates, Census, Origin, Shortage, Source, System, Why};

/// What is told of one, whatever the kernel does then.
#[derive(Clone, Copy)]
pub(super) struct Nobody<'a> {
    pub(super) origin: &'a Origin,
    pub(super) incident: &'a str,
    pub(super) source: Source,
    pub(super) shortage: &'a Shortage,
    pub(super) candidates: Option<&'a Candidates>,
    pub(super) census: Option<&'a Census>,
    pub(super) system: Option<&'a System>,
    pub(super) why: Option<&'a Why>,
}

impl Nobody<'_> {
    /// The block; what happened stands behind the moment in its first line.
    pub(super) fn show(
        self,
        mut block: Block<'_>,
        happened: impl Fn(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        if block.style.verbose {
            self.headline(&happened, &mut block)?;
            return self.whole(&mut block);
        }
        room::fit(&mut block, |room, block| {
            self.headline(&happened, block)?;
            self.brief(room, block)
        })?;
        block.out.push(b'\n');
        Ok(())
    }

    fn headline(
        self,
        happened: impl Fn(&mut Vec<u8>) -> io::Result<()>,
        block: &mut Block<'_>,
    ) -> io::Result<()> {
        let (dim, start) = (block.palette.dim, block.out.len());
        write!(block.out, "{dim}{}{dim:#}  ", Moment(self.origin))?;
        happened(block.out)?;
        wrap(block.out, start, HEADLINE, block.style.width.into());
        block.out.push(b'\n');
        Ok(())
    }

    /// What is needed first.
    fn brief(self, room: Room, block: &mut Block<'_>) -> io::Result<()> {
        super::why(self.why, room.hints, block)?;
        if room.limit {
            limit::brief(self.shortage, block)?;
        }
        if room.trigger {
            trigger::asked(self.shortage, block)?;
        }
        candidates::table(self.candidates, self.census, None, room.rows, block)
    }

    fn whole(self, block: &mut Block<'_>) -> io::Result<()> {
        super::why(self.why, ALL, block)?;
        limit::show(self.shortage, block)?;
        trigger::show(self.shortage, block)?;
        candidates::show(self.candidates, block)?;
        census::show(self.census, block)?;
        machine::system(self.system, block)?;
        machine::show(self.origin, &self.shortage.build, block)?;
        super::end(self.incident, self.source, block)
    }
}
