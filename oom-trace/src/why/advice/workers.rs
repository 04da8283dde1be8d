//! Many processes of a kind.

use super::program::Program;
use crate::units::Size;

/// What says how many there are.
pub(super) struct Workers {
    pub(super) setting: &'static str,
    /// Fewer are no crowd.
    pub(super) least: u64,
}

impl Workers {
    pub(super) fn advice(&self, program: &Program<'_>, names: &[&str]) -> Option<String> {
        let crowd = program.crowd(names).filter(|crowd| crowd.count >= self.least)?;
        let each = crowd.held.checked_div(crowd.count).filter(|each| *each > 0)?;
        let least = if crowd.is_all { "" } else { "at least " };
        let count = crowd.count;
        let (setting, held, ceiling) = (self.setting, Size(crowd.held), program.ceiling);
        if !crowd.is_own {
            return Some(format!(
                "lower {setting}: {least}{count} processes held {held} of {ceiling}, {} each on average \
                 (shared memory counts in each)",
                Size(each)
            ));
        }
        let fit = ceiling.bytes.checked_div(each)?;
        Some(format!(
            "lower {setting}: {least}{count} processes held {held} for themselves, {} each on average, \
             and {fit} such would fill {ceiling}",
            Size(each)
        ))
    }
}
