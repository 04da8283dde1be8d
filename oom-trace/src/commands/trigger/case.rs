//! What is made for each case.

use crate::cli::{Case, Use, VictimArgs};

/// Weighed before all others: the children are to be the first to die, even of a limit further up.
const FIRST: i16 = 1000;

/// Cgroup and children.
#[derive(Debug)]
pub(super) struct Scene {
    /// The children are one level below the limit.
    pub(super) is_below: bool,
    /// They are killed together.
    pub(super) is_group: bool,
    /// Bytes of swap that they may use.
    pub(super) swap: u64,
    /// Those that hold memory before the last begins.
    pub(super) holders: Vec<VictimArgs>,
    /// The one whose memory is too much.
    pub(super) last: VictimArgs,
}

impl Scene {
    pub(super) fn new(case: Case, limit: u64) -> Self {
        // Past the limit, and an end where that has no teeth.
        let own = Self {
            is_below: false,
            is_group: false,
            swap: 0,
            holders: Vec::new(),
            last: uses(Use::Anonymous, limit.saturating_mul(2)),
        };
        match case {
            Case::Own => own,
            Case::Ancestor => Self { is_below: true, ..own },
            Case::Group => {
                let holder = VictimArgs { hold: true, ..uses(Use::Anonymous, limit / 8) };
                Self { is_group: true, holders: vec![holder.clone(), holder], ..own }
            }
            Case::Other => {
                let holder = VictimArgs { hold: true, ..uses(Use::Anonymous, limit / 4 * 3) };
                // Enough for both to be too much, and not by itself.
                let last = VictimArgs { oom_score_adj: 0, ..uses(Use::Anonymous, limit / 2) };
                Self { holders: vec![holder], last, ..own }
            }
            Case::Tmpfs => Self { last: uses(Use::Tmpfs, limit.saturating_mul(2)), ..own },
            Case::PageTables => {
                Self { last: uses(Use::PageTables, limit.saturating_mul(2)), ..own }
            }
            Case::Swap => {
                Self { swap: limit, last: uses(Use::Anonymous, limit.saturating_mul(4)), ..own }
            }
        }
    }
}

/// All that the machine has.
pub(super) fn global() -> VictimArgs {
    uses(Use::Anonymous, u64::MAX)
}

fn uses(r#use: Use, bytes: u64) -> VictimArgs {
    VictimArgs { bytes, r#use, hold: false, oom_score_adj: FIRST }
}
