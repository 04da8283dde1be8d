//! What a mark was.

use aya_ebpf::EbpfContext;
use oom_trace_common::record::outcome;

use crate::current::CURRENT;
use crate::ring::count_kill;
use crate::stack::is_in_kill;

/// One of `outcome`. `killed` says that this thread was seen to enter `__oom_kill_process` for the
/// victim: then it is a kill, whatever else was seen or not. Else its entry may have been missed, and
/// the stack is asked.
#[inline(always)]
pub(crate) fn judge(killed: bool, source: u32, context: &impl EbpfContext) -> u32 {
    let verdict = if killed {
        outcome::KILLED
    } else {
        match is_in_kill(source, context) {
            Some(true) => outcome::KILLED,
            Some(false) => outcome::ALREADY_EXITING,
            None if CURRENT.killed_nobody() => outcome::ALREADY_EXITING,
            None => outcome::UNKNOWN,
        }
    };
    // One state for the verifier where it would check all that follows for each verdict.
    core::hint::black_box(verdict)
}

/// Counts it if it is a kill.
#[inline(always)]
pub(crate) fn count(verdict: u32) {
    if verdict == outcome::KILLED {
        count_kill();
    }
}
