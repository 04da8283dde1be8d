//! What a sink may ask of the agent, and what is told of a sink.

use std::fmt::Debug;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::incident::model::Totals;

/// The agent as its metrics see it.
pub trait Status: Send + Sync + Debug {
    /// What was seen and lost so far.
    fn totals(&self) -> Totals;

    /// When the agent started.
    fn start(&self) -> Timestamp;

    /// Asks the thread that reads the kernel's events for a sign: it comes when that thread gets to it, which
    /// may be never. `None` where nothing is read yet.
    fn ping(&self) -> Option<oneshot::Receiver<()>>;

    /// How each sink stands now.
    fn sinks(&self) -> Vec<SinkTotals>;

    /// How the kernel is watched; `None` before it is.
    fn attached(&self) -> Option<Attachment>;

    /// Whether the store works; `None` if there is none.
    fn store_works(&self) -> Option<bool>;
}

/// How the kernel is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// `kprobe`, `fentry`, `tracepoint` or `log`.
    pub by: &'static str,
    /// Records lack what they could have elsewhere.
    pub is_degraded: bool,
}

/// What became of the records for one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkTotals {
    /// [`super::Sink::name`].
    pub name: String,
    /// Records that the sink took.
    pub delivered: u64,
    /// Records that were gone before the sink got to them.
    pub dropped: u64,
    /// Records that it failed to deliver, for good.
    pub failed: u64,
    /// Records that it took without details: there was no room for them in the agent's memory.
    pub shrunk: u64,
    /// Records that wait for it, the one it is at among them.
    pub waiting: u64,
    /// Whether what waits is in the store, for the next start.
    pub kept: bool,
    /// When it last took one.
    pub last_success: Option<Timestamp>,
    /// What it failed with last.
    pub last_error: Option<String>,
    /// It did not finish before the agent's end.
    pub stuck: bool,
    /// It is over: what waits is not tried again by this process.
    pub ended: bool,
}

impl SinkTotals {
    /// Records that did not and will not arrive.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let left = (self.stuck || self.ended) && !self.kept;
        self.dropped + self.failed + if left { self.waiting } else { 0 }
    }
}
