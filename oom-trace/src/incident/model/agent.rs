//! What the agent says of itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Origin;

/// The agent speaks of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `agent`.
    #[serde(rename = "type")]
    pub kind: AgentType,
    /// Where and when.
    #[serde(flatten)]
    pub origin: Origin,
    /// The agent's version.
    pub version: Cow<'static, str>,
    /// What happened.
    pub event: AgentEvent,
    /// The same for people, one line.
    pub message: String,
    /// The hooks in use.
    pub hooks: Vec<String>,
    /// What the records lack on this kernel, and why.
    pub missing: Vec<Missing>,
    /// What was seen and lost since the start.
    pub totals: Totals,
    /// Kills that the kernel had counted since the boot when this was said: `/proc/vmstat` `oom_kill`.
    /// Between two of these the records must tell of as many. Records of older agents lack it.
    #[serde(default)]
    pub kernel_kills_since_boot: Option<u64>,
}

/// The `type` of an [`Agent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentType {
    /// The only one.
    #[default]
    Agent,
}

/// What happened to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentEvent {
    /// Hooks are in.
    Started,
    /// Something is missing from the records: see `missing`.
    Degraded,
    /// The kernel counted kills that no hook saw.
    Gap,
    /// Hooks are out.
    Stopped,
}

/// Something the records lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The key of the record, such as `trigger.order`.
    pub field: String,
    /// Why it is missing.
    pub reason: String,
}

/// What was seen and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Kills, each counted as the kernel counts it in `/proc/vmstat` `oom_kill`.
    pub kills: u64,
    /// Rise of `/proc/vmstat` `oom_kill` since the start.
    pub kernel_kills: Option<u64>,
    /// Records made.
    pub records: u64,
    /// Events that found the ring buffer full, or messages of the log that were overwritten.
    pub ring_lost: u64,
    /// Events that could not be decoded.
    pub malformed: u64,
    /// Records that a sink could not take.
    pub sink_lost: u64,
}
