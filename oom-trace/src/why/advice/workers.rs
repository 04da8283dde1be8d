//! Many processes of a kind.

use super::super::facts::stands_out;
use super::program::Program;
use crate::units::Size;

/// What says how many there are.
pub(super) struct Workers {
    pub(super) setting: &'static str,
    /// Fewer are no crowd.
    pub(super) least: u64,
    /// What to do if one of them holds most of what all hold.
    pub(super) one: &'static str,
}

impl Workers {
    pub(super) fn advice(&self, program: &Program<'_>, names: &[&str]) -> Option<String> {
        let crowd = program.crowd(names).filter(|crowd| crowd.count >= self.least)?;
        let each = crowd.held.checked_div(crowd.count).filter(|each| *each > 0)?;
        let least = if crowd.is_all { "" } else { "at least " };
        let count = crowd.count;
        let (setting, held, ceiling) = (self.setting, Size(crowd.held), program.ceiling);
        // Of those that are not known, others may hold more.
        let is_told = crowd.is_all || program.is_most();
        let largest = crowd.largest.filter(|it| is_told && stands_out(*it, count, crowd.held));
        if let Some(largest) = largest {
            let largest = Size(largest.min(crowd.held));
            return Some(format!(
                "{}: one of {least}{count} processes held {largest} of their {held}",
                self.one
            ));
        }
        if !crowd.is_own {
            return Some(format!(
                "lower {setting}: {least}{count} processes held {held} of {ceiling}, {} each on average \
                 (shared memory counts in each)",
                Size(each)
            ));
        }
        let fit = ceiling.bytes.checked_div(each)?;
        Some(format!(
            "lower {setting}: {least}{count} processes held {held} of private memory, {} each on average, \
             and {fit} of that size would fill {ceiling}",
            Size(each)
        ))
    }
}
