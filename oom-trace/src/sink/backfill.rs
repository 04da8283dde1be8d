//! Who hears of kills from before the agent's start.

use serde::Deserialize;

/// Who gets kills that were found in the kernel's log when the agent started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backfill {
    /// This sink as well.
    #[default]
    All,
    /// The store, and not this sink: nobody is to be woken for last week's kills.
    Store,
}

impl Backfill {
    pub(super) fn store() -> Self {
        Self::Store
    }
}
