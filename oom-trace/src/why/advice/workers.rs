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
        let each = crowd.own.checked_div(crowd.count).filter(|each| *each > 0)?;
        let least = if crowd.is_all { "" } else { "at least " };
        let fit = program.ceiling.bytes.checked_div(each)?;
        Some(format!(
            "lower {}: {least}{} processes held {} for themselves, {} each on average, and {fit} such \
             would fill {}",
            self.setting,
            crowd.count,
            Size(crowd.own),
            Size(each),
            program.ceiling
        ))
    }
}
