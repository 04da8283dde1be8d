//! The running agent: what its hooks and the kernel's log tell becomes records, each kill is accounted
//! for, and all of it goes on to the outputs.
//!
//! `source` → `feed` → `stream` → delivery; beside it `account` (the kernel's own count is the truth),
//! `backfill` (kills from before the start) and `agent_events` (what the agent says of itself).

mod account;
mod agent_events;
mod backfill;
mod feed;
mod rehearsal;
mod source;
mod stream;

pub(crate) use account::Account;
pub(crate) use agent_events::AgentEvents;
pub(crate) use backfill::{Backfill, Before};
pub(crate) use feed::Feed;
pub(crate) use source::{notes, open};
pub(crate) use stream::{Controls, Stream, Watcher};
