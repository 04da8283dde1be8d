//! How much a block for people may say: what is needed first stays.

use std::io;

use super::super::block::Block;

/// More lines push the kill before it off the screen.
const LINES: usize = 14;

/// Where lines are shorter, there are more of them.
const COLUMNS: usize = 80;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Rows of the table of processes.
    pub(super) rows: usize,
    pub(super) hints: usize,
    /// Of which kinds the victim's memory was.
    pub(super) memory: bool,
    pub(super) trigger: bool,
    pub(super) limit: bool,
}

/// All of it, and then less and less.
const ROOMS: [Room; 8] = {
    let all = Room { rows: 4, hints: 2, memory: true, trigger: true, limit: true };
    let three = Room { rows: 3, ..all };
    let no_memory = Room { memory: false, ..three };
    let two = Room { rows: 2, ..no_memory };
    let no_trigger = Room { trigger: false, ..two };
    let one_hint = Room { hints: 1, ..no_trigger };
    let no_table = Room { rows: 0, ..one_hint };
    let least = Room { limit: false, ..no_table };
    [all, three, no_memory, two, no_trigger, one_hint, no_table, least]
};

/// Writes as much as fits.
pub(super) fn fit(
    block: &mut Block<'_>,
    write: impl Fn(Room, &mut Block<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let start = block.out.len();
    let width = usize::from(block.style.width).clamp(1, COLUMNS);
    let most = LINES * COLUMNS / width;
    for room in ROOMS {
        block.out.truncate(start);
        write(room, block)?;
        let written = block.out.get(start..).unwrap_or_default();
        if memchr::memchr_iter(b'\n', written).count() <= most {
            break;
        }
    }
    Ok(())
}
