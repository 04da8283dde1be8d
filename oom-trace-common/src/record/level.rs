//! The limit cgroup and those above it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Usage;

/// The most levels that are told of.
pub const LEVELS: u32 = 16;
/// Counters of `memory.events`: `LOW`, `HIGH`, `MAX`, `OOM`, `OOM_KILL`, `OOM_GROUP_KILL`.
pub const EVENTS: usize = 6;

/// A memory cgroup from the limit up to the root.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Level {
    /// Which of its fields could be read: bits of [`level_field`] and of
    /// [`usage_field`](super::usage_field).
    pub present: u64,
    /// What it uses, and may use.
    pub usage: Usage,
    /// `memory.high`, in pages.
    pub high: u64,
    /// `memory.low`, in pages.
    pub low: u64,
    /// `memory.min`, in pages.
    pub min: u64,
    /// `memory_events`
    pub events: [u64; EVENTS],
    /// `oom_group`: 0 or 1.
    pub oom_group: u64,
}

/// The bits of a [`Level`]'s `present`, beside those of its usage.
pub mod level_field {
    /// `high`
    pub const HIGH: u64 = 1 << 0;
    /// `low`
    pub const LOW: u64 = 1 << 1;
    /// `min`
    pub const MIN: u64 = 1 << 2;
    /// `oom_group`
    pub const OOM_GROUP: u64 = 1 << 3;
    /// The first of six bits, one for each place of `events`
    pub const EVENTS: u64 = 1 << 8;
}
