//! How long it took until the memory was back.

use crate::incident::model::{ExitState, OomExit};
use crate::units::Age;

/// Whether a victim's memory is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Back {
    /// It is, and nobody saw when.
    Unseen,
    /// After so many milliseconds.
    After(u64),
    /// It was not after ten seconds, and nothing was heard of it since.
    Stuck,
}

impl Back {
    pub(super) fn of(exit: &OomExit) -> Self {
        match (exit.state, exit.freed_after_ms) {
            (ExitState::Freed, Some(ms)) => Self::After(ms),
            (ExitState::Freed, None) => Self::Unseen,
            (ExitState::Stuck, _) => Self::Stuck,
        }
    }

    /// Of one victim: what was heard of it last. That it was stuck is told before it is freed.
    pub(super) fn then(self, other: Self) -> Self {
        match (self, other) {
            (Self::Stuck, freed) | (freed, Self::Stuck) => freed,
            (one, other) => one.max(other),
        }
    }
}

/// Of all victims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Of how many it is known.
    pub(super) known: usize,
    /// Half of them were not slower, in milliseconds.
    pub(super) median_ms: u64,
    /// Nineteen of twenty were not.
    pub(super) most_ms: u64,
    /// The slowest.
    pub(super) longest_ms: u64,
    /// Of so many no memory came back.
    pub(super) stuck: usize,
}

impl Recovery {
    pub(super) fn of(all: impl Iterator<Item = Back>) -> Self {
        let mut after = Vec::new();
        let mut stuck = 0;
        for back in all {
            match back {
                Back::After(ms) => after.push(ms),
                Back::Stuck => stuck += 1,
                Back::Unseen => {}
            }
        }
        after.sort_unstable();
        // The nearest rank.
        let rank = |percent: usize| {
            let at = (after.len() * percent).div_ceil(100).saturating_sub(1);
            after.get(at).copied().unwrap_or(0)
        };
        let (median_ms, most_ms, longest_ms) = (rank(50), rank(95), rank(100));
        Self { known: after.len(), median_ms, most_ms, longest_ms, stuck }
    }

    /// In words, where anything is known.
    pub(super) fn told(self) -> Option<String> {
        let Self { known, median_ms, most_ms, longest_ms, stuck } = self;
        let mut parts = Vec::new();
        match known {
            0 => {}
            1 => {
                parts.push(format!("{} after the one kill that this is known of", Age(longest_ms)));
            }
            known => parts.push(format!(
                "median {}, 95% within {}, longest {} ({known} processes)",
                Age(median_ms),
                Age(most_ms),
                Age(longest_ms)
            )),
        }
        match stuck {
            0 => {}
            1 => parts.push("1 still held its memory after 10 s".into()),
            stuck => parts.push(format!("{stuck} still held their memory after 10 s")),
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_numbers_that_occurred() {
        let all = (1..=40).rev().map(Back::After).chain([Back::Stuck, Back::Unseen]);
        let Recovery { known, median_ms, most_ms, longest_ms, stuck } = Recovery::of(all);
        assert_eq!((known, median_ms, most_ms, longest_ms, stuck), (40, 20, 38, 40, 1));
        assert_eq!(Recovery::of(std::iter::empty()), Recovery::default());
        assert_eq!(Recovery::of([Back::After(7)].into_iter()).median_ms, 7);
    }

    #[test]
    fn a_victim_that_was_stuck_may_be_freed_later() {
        assert_eq!(Back::Stuck.then(Back::After(12_000)), Back::After(12_000));
        assert_eq!(Back::After(12_000).then(Back::Stuck), Back::After(12_000));
        assert_eq!(Back::Stuck.then(Back::Stuck), Back::Stuck);
    }
}
