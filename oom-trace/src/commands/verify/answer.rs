//! The answer, and what it rests on; by its parts for people and for scripts.

mod json;
mod text;
mod words;

use std::process::ExitCode;

use jiff::Timestamp;

use super::evidence::{Evidence, Ground, InCgroup};
use super::question::Question;
use crate::ledger::{AgentThen, Unproven, Why};

/// Exit status where it is not known.
pub(super) const CANNOT_SAY: u8 = 3;

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There was a kill.
    Killed,
    /// There was none.
    None,
    /// Nobody knows.
    Unknown,
}

impl Verdict {
    pub(super) fn status(self) -> ExitCode {
        match self {
            Self::Killed => ExitCode::from(1),
            Self::None => ExitCode::SUCCESS,
            Self::Unknown => ExitCode::from(CANNOT_SAY),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer to a question.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    question: &'a Question,
    evidence: &'a Evidence,
    /// Spans of which nobody knows.
    unproven: Vec<Unproven>,
    /// Spans of which it is known that there was no other kill than those that are told of.
    proven: Vec<(Timestamp, Timestamp)>,
    /// How many kills are recorded in that time, whoever died.
    recorded: u64,
    /// The cgroup counts more kills than are told of.
    cgroup_missing: Option<u64>,
    /// The cgroup's own count proves what the machine's does not.
    is_proven_by_cgroup: bool,
    pub(super) verdict: Verdict,
}

impl<'a> Answer<'a> {
    pub(super) fn new(question: &'a Question, evidence: &'a Evidence) -> Self {
        let (ledger, since, until) = (&evidence.ledger, question.since, question.until);
        let unproven = ledger.unproven(since, until);
        let proven = ledger.proven(&unproven, since, until).collect();
        let recorded = ledger.recorded(since, until);
        let cgroup = evidence.cgroup.as_ref();
        let cgroup_missing = cgroup.map(InCgroup::missing).filter(|missing| *missing > 0);
        let agrees = cgroup.is_some_and(|it| it.is_proven_since(question.since));
        let is_proven_by_cgroup = agrees && !unproven.is_empty();
        let mut answer = Self {
            question,
            evidence,
            unproven,
            proven,
            recorded,
            cgroup_missing,
            is_proven_by_cgroup,
            verdict: Verdict::Unknown,
        };
        if !(evidence.kills.is_empty() && evidence.user_kills.is_empty()) {
            answer.verdict = Verdict::Killed;
        } else if answer.is_whole() {
            answer.verdict = Verdict::None;
        }
        answer
    }

    /// Whether each kill that is asked for is told of, for sure.
    fn is_whole(&self) -> bool {
        self.holes().is_empty()
            && self.cgroup_missing.is_none()
            && self.evidence.doubtful.is_empty()
            && self.evidence.meant.is_sure()
    }

    /// Spans of which nobody knows, whatever is asked for.
    fn holes(&self) -> &[Unproven] {
        if self.is_proven_by_cgroup { &[] } else { &self.unproven }
    }

    /// How many kills the kernel counted in that time, where that is known: as many as are recorded.
    fn counted(&self) -> Option<u64> {
        self.unproven.is_empty().then_some(self.recorded)
    }

    /// Whether a kill of this moment may be in no record yet.
    pub(super) fn may_be_on_its_way(&self) -> bool {
        let Self { question, evidence, .. } = self;
        let may_come = |it: &Unproven| match (it.why, evidence.ground) {
            (Why::Missing { agent: AgentThen::Began, .. }, _) => true,
            // What it no longer has is not logged again.
            (Why::Missing { .. }, Ground::Log) => evidence.limits.is_empty(),
            // One that the agent has just found in the kernel's log.
            (Why::Missing { .. }, Ground::Store) => {
                !it.is_open && question.is_just_now(it.counted.1)
            }
            _ => false,
        };
        question.is_until_now
            && self.verdict == Verdict::Unknown
            && (self.unproven.iter().any(may_come) || self.cgroup_missing.is_some())
    }
}
