//! A shortage in which nobody was killed.

use std::io;

use super::super::block::Block;
use super::room::Room;
use super::{candidates, limit, trigger};
use crate::incident::model::{Candidates, Census, Shortage, Why};

/// What is needed first.
pub(super) fn brief(
    shortage: &Shortage,
    why: Option<&Why>,
    (candidates, census): (Option<&Candidates>, Option<&Census>),
    room: Room,
    block: &mut Block<'_>,
) -> io::Result<()> {
    super::why(why, room.hints, block)?;
    if room.limit {
        limit::brief(shortage.limit.as_ref(), block)?;
    }
    if room.trigger {
        trigger::asked(shortage, block)?;
    }
    candidates::table(candidates, census, None, room.rows, block)
}
