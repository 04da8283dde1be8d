//! Node.js, whose heap has a limit of its own.

use super::super::facts::is_share;
use super::program::Program;
use super::size::{bytes, too_large};
use crate::units::Size;

const FLAG: &str = "--max-old-space-size";

/// A heap that leaves less does not fit.
const HEAP_PERCENT: u64 = 80;

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    program.is_most().then_some(())?;
    let ceiling = &program.ceiling;
    let beside = "buffers, code and native modules";
    let given = program.value(FLAG).or_else(|| program.value("--max_old_space_size"));
    Some(match given.and_then(|size| bytes(size, 1 << 20)) {
        Some(heap) if is_share(heap, ceiling.bytes, HEAP_PERCENT) => {
            too_large(FLAG, heap, program, beside)
        }
        Some(heap) => format!(
            "look for memory outside the heap ({beside}), or raise the heap: {FLAG} is {} of {ceiling}",
            Size(heap)
        ),
        None if program.arguments.is_some() && program.is_whole => format!(
            "set {FLAG} to about three quarters of {ceiling}, unless NODE_OPTIONS already sets it: the \
             command line has no such flag"
        ),
        None => format!(
            "check {FLAG} (or NODE_OPTIONS) against {ceiling}: it must leave room for {beside}"
        ),
    })
}
