//! Which records a sink gets, and how often it is told of what repeats.

use std::time::Duration;

use super::{Backfill, Filter};

/// What is chosen for a sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Which records.
    pub filter: Filter,
    /// Whether also those of kills from before the agent's start.
    pub backfill: Backfill,
    /// For how long kills at a place that was told of are counted, and not told one by one.
    pub fold: Option<Duration>,
    /// Whether kills in several pods are told apart, even if one limit was hit.
    pub by_pod: bool,
}

impl From<Filter> for Choice {
    /// Each record that passes, one by one.
    fn from(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }
}
