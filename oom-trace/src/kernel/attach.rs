//! What may be asked of the hooks: how they are attached, and how many candidates they tell of.

use clap::ValueEnum;
use oom_trace_common::record::CANDIDATES;
use serde::Deserialize;
use thiserror::Error;

use super::plan::Rung;

/// As many candidates as the eBPF program keeps.
#[expect(clippy::cast_possible_truncation, reason = "it is what one map of the program holds")]
const MOST_CANDIDATES: u8 = CANDIDATES as u8;

/// No such number of candidates can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a whole number from 0 to {MOST_CANDIDATES}")]
pub struct CandidatesError;

/// How many candidates are asked for.
///
/// # Errors
/// More than the program keeps, or fewer than none.
pub fn candidates(number: i64) -> Result<u8, CandidatesError> {
    let number = u8::try_from(number).ok().filter(|number| *number <= MOST_CANDIDATES);
    number.ok_or(CandidatesError)
}

/// How to hook the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    /// The first of these that works.
    Auto,
    /// kprobes, with the tracepoint for kills that they miss.
    Kprobe,
    /// fentry and fexit programs, with the tracepoint for kills that they miss.
    Fentry,
    /// Only the raw tracepoint oom/mark_victim.
    Tracepoint,
    /// No hooks: read the kernel's log.
    Log,
}

impl Attach {
    /// What may be tried, best first.
    #[must_use]
    pub fn rungs(self) -> Vec<Rung> {
        match self {
            Self::Auto => Rung::ALL.to_vec(),
            Self::Kprobe => vec![Rung::Kprobe],
            Self::Fentry => vec![Rung::Fentry],
            Self::Tracepoint => vec![Rung::Tracepoint],
            Self::Log => vec![Rung::Log],
        }
    }
}
