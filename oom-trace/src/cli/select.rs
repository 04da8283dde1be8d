//! Which records a command reads: from where, of when, and which of them. The same for all commands
//! that read records.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use jiff::Timestamp;
use thiserror::Error;

use super::When;
use crate::files::is_other_than_store;
use crate::sink::Filter;

/// Where records are read from.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// Saved logs (dmesg, journalctl, syslog or /dev/kmsg), agents' stores, or their records as JSON Lines,
    /// from one machine or many, compressed or not; `-` is standard input [default: standard input if a log
    /// is piped in, else the running agent's store, else the service's, else the running kernel's log]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read this agent's store, as if it were given as FILE
    #[arg(long, value_name = "FILE", conflicts_with = "log", value_parser = a_store())]
    pub store: Option<PathBuf>,
    /// Read the running kernel's log, even if there is a store
    #[arg(long, conflicts_with = "files")]
    pub log: bool,
}

/// What is there must be one: read as a log, it would have no kill. That there is nothing is said where it
/// is opened.
pub(super) fn a_store() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match is_other_than_store(&path) {
        true => Err("it is not a store; give a saved log without --store"),
        false => Ok(path),
    })
}

impl SourceArgs {
    /// All that are named.
    #[must_use]
    pub fn named(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.store).cloned().collect()
    }
}

/// Which of the records.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectArgs {
    /// Of when.
    #[command(flatten)]
    pub span: SpanArgs,
    /// Which.
    #[command(flatten)]
    pub filter: Filter,
}

/// A span of time.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SpanArgs {
    /// Only kills since this time: 2026-11-25, "2026-11-25 22:30", 22:30 (the most recent), today,
    /// "yesterday 22:30", "2 hours ago", 2h or RFC 3339
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<When>,
    /// Only kills up to this time, in the same formats
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<When>,
    /// Show times in UTC (the default is local time on a terminal, else UTC), and take times without a
    /// zone to be UTC
    #[arg(long)]
    pub utc: bool,
}

impl SpanArgs {
    /// Its beginning and its end, where they are named.
    ///
    /// # Errors
    /// There is no time between them.
    pub fn moments(self) -> Result<(Option<Timestamp>, Option<Timestamp>), SpanError> {
        let moment = |when: When| when.moment(self.utc);
        let (since, until) = (self.since.map(moment), self.until.map(moment));
        if let (Some(since), Some(until)) = (since, until) {
            not_empty(since, until)?;
        }
        Ok((since, until))
    }
}

/// What is wrong with a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpanError {
    /// It ends before it begins, or at once.
    #[error(
        "--until ({}) is not after --since ({}): give the earlier time as --since",
        second(since),
        second(until)
    )]
    Empty {
        /// `--since`.
        since: Timestamp,
        /// `--until`.
        until: Timestamp,
    },
    /// It has not begun.
    #[error("--since is in the future: {}", second(since))]
    Future {
        /// `--since`.
        since: Timestamp,
    },
}

fn second(time: &Timestamp) -> String {
    time.strftime("%F %T UTC").to_string()
}

pub(super) fn not_empty(since: Timestamp, until: Timestamp) -> Result<(), SpanError> {
    if since < until { Ok(()) } else { Err(SpanError::Empty { since, until }) }
}
