//! Where a log has lines of no interest: those are stepped over.

use super::order::Order;

/// Lines without anything of interest after which such are stepped over: a dump may go on, whose lines speak
/// of nothing by themselves.
const QUIET: u32 = 512;

/// The same where all that was begun has its end: whatever follows begins with a word of interest.
const QUIET_AFTER: u32 = 32;

/// The same in the middle of a dump that is read from its end.
const FAR: u32 = 1 << 17;

/// How closely the lines are looked at.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Lines since the last of interest.
    quiet: u32,
    /// Lines until a dump is over that a header has begun.
    dump: u32,
    /// Whether all that was begun has its end.
    is_settled: bool,
}

impl Attention {
    /// A line is read, which speaks of a kill or does not.
    pub(super) fn line(&mut self, speaks: bool) {
        self.quiet = if speaks { 0 } else { self.quiet.saturating_add(1) };
    }

    /// Something is of interest.
    pub(super) fn rouse(&mut self) {
        self.quiet = 0;
    }

    /// A header begins a dump.
    pub(super) fn begin_dump(&mut self) {
        (self.dump, self.is_settled) = (QUIET, false);
    }

    /// A message is read.
    pub(super) fn message(&mut self) {
        self.dump = self.dump.saturating_sub(1);
        if self.in_dump() && !self.is_settled {
            self.quiet = self.quiet.min(QUIET / 2);
        }
    }

    /// Whether all that was begun has its end now.
    pub(super) fn settle(&mut self, is_settled: bool) {
        self.is_settled = is_settled;
    }

    /// Whether a header stood before, not far.
    pub(super) fn in_dump(&self) -> bool {
        self.dump > 0
    }

    /// Whether nothing of interest has come for so long that none is near. What led to a kill may follow it.
    pub(super) fn has_gone(&self, order: &Order) -> bool {
        let quiet = match order.is_holding() {
            true => FAR,
            false if self.is_settled && order.is_forward() => QUIET_AFTER,
            false => QUIET,
        };
        self.quiet > quiet
    }
}
