//! The symbols of an incident's stack, each told once.

use oom_trace_common::record::{
    Incident, NAMES, STACK_LEN, SYMBOL_LEN as SYMBOL_ROOM, is_kept, name_place,
};

use crate::scratch::{self, Locked, Word};
use crate::stack;

/// The addresses that user space has the symbols of, each at its place.
static TOLD: Locked<[u64; NAMES]> = Locked::new([0; NAMES]);

/// Which frames of the record come with a symbol that user space keeps, bit 0 for the first.
static KEPT: Word = Word::zero();

/// Writes the symbols of the frames that are new behind all else.
pub(super) fn write() {
    KEPT.set(0);
    for place in 0..STACK_LEN as u64 {
        if write_symbol(place) == 0 {
            break;
        }
    }
}

/// Writes that of one frame; 0 if there is none, or 1.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_symbol(place: u64) -> u64 {
    let record = scratch::record::<Incident>();
    let frame = record.stack.get(place as usize).filter(|_| place < record.stack_len as u64);
    let Some(frame) = frame else { return 0 };
    let is_told = TOLD.get().get(name_place(*frame)) == Some(frame);
    if is_told || !scratch::has_room() {
        return 1;
    }
    let len = stack::write_symbol(frame);
    if len == 0 {
        return 1;
    }
    // Its NUL is the last of them.
    let text = scratch::room::<SYMBOL_ROOM>();
    let text = text.get(..(len as usize - 1) & (SYMBOL_ROOM - 1)).unwrap_or(&[]);
    KEPT.set(KEPT.get() | (is_kept(text) as u64) << place);
    record.named |= 1 << place;
    scratch::advance(len);
    1
}

/// User space has them: the record went to the ring.
pub(super) fn tell() {
    for place in 0..STACK_LEN as u64 {
        tell_one(place);
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tell_one(place: u64) -> u64 {
    let Some(frame) = scratch::record::<Incident>().stack.get(place as usize) else { return 0 };
    if KEPT.get() >> place & 1 != 0
        && let Some(told) = TOLD.get().get_mut(name_place(*frame))
    {
        *told = *frame;
    }
    0
}
