//! The answer, for people and for scripts.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::evidence::{Doubt, Evidence, InCgroup};
use super::ledger::{Agent, Unproven, Why, unproven};
use super::question::Question;
use crate::incident::model::{OomKill, UserKill};
use crate::render::{brief, time};
use crate::units::plural;

/// Exit status where nobody can say.
pub(super) const CANNOT_SAY: u8 = 3;

/// More kills nobody reads.
const SHOWN: usize = 20;

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
    pub(super) unproven: Vec<Unproven>,
    /// The cgroup counts more kills than are told of.
    cgroup_missing: Option<u64>,
    /// The cgroup's own count proves what the machine's does not.
    is_proven_by_cgroup: bool,
    pub(super) verdict: Verdict,
}

impl<'a> Answer<'a> {
    pub(super) fn new(question: &'a Question, evidence: &'a Evidence) -> Self {
        let unproven = unproven(&evidence.boots, question.since, question.until);
        let cgroup = evidence.cgroup.as_ref();
        let cgroup_missing = cgroup.map(InCgroup::missing).filter(|missing| *missing > 0);
        let agrees = cgroup.is_some_and(|it| it.is_proven_since(question.since));
        let is_proven_by_cgroup = agrees && !unproven.is_empty();
        let is_proven = (unproven.is_empty() || is_proven_by_cgroup) && cgroup_missing.is_none();
        let verdict = match evidence {
            Evidence { kills, user_kills, .. } if !(kills.is_empty() && user_kills.is_empty()) => {
                Verdict::Killed
            }
            Evidence { doubtful, .. } if is_proven && doubtful.is_empty() => Verdict::None,
            _ => Verdict::Unknown,
        };
        Self { question, evidence, unproven, cgroup_missing, is_proven_by_cgroup, verdict }
    }

    /// Whether a kill of this moment may be in no record yet.
    pub(super) fn may_be_on_its_way(&self) -> bool {
        let is_last = |it: &Unproven| {
            it.until == self.question.until && matches!(it.why, Why::Missing { .. })
        };
        self.question.is_until_now
            && self.verdict == Verdict::Unknown
            && (self.unproven.iter().any(is_last) || self.cgroup_missing.is_some())
    }

    pub(super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { question, evidence, unproven, cgroup_missing, is_proven_by_cgroup, verdict } =
            self;
        let Evidence { kills, user_kills, doubtful, cgroup, .. } = evidence;
        let is_open = *verdict == Verdict::Unknown;
        let holes = unproven.iter().filter(|_| !is_proven_by_cgroup).map(|it| {
            let (reason, kills) = it.why.code();
            json!({
                "from": stamp(it.from), "until": stamp(it.until), "reason": reason,
                "kills_missing": kills, "message": it.why.to_string(),
            })
        });
        let doubts = doubtful.iter().map(|(doubt, kill)| {
            json!({ "unknown": doubt.name(), "message": doubt.words(), "record": **kill })
        });
        let cgroup = cgroup.as_ref().map(|InCgroup { counter, told, told_since: _ }| {
            json!({
                "path": counter.cgroup, "since": stamp(counter.since),
                "oom_kill": counter.kills, "recorded": told,
                "missing": cgroup_missing.unwrap_or(0),
            })
        });
        let kills = kills.iter().map(|(_, kill)| record(kill));
        let answer = json!({
            "verdict": verdict.name(),
            "since": stamp(question.since),
            "until": stamp(question.until),
            "kills": kills.collect::<Vec<_>>(),
            "user_kills": user_kills,
            "doubtful": doubts.collect::<Vec<_>>(),
            "unproven": holes.collect::<Vec<_>>(),
            "cgroup": cgroup,
            "message": if is_open { "cannot say".to_owned() } else { self.headline() },
        });
        writeln!(out, "{answer}")
    }

    fn headline(&self) -> String {
        let Self { question, evidence, verdict, .. } = self;
        let place = question.place();
        let span = format!("from {} to {}", time(question.since), time(question.until));
        match verdict {
            Verdict::Killed => {
                let kills = evidence.kills.len() + evidence.user_kills.len();
                let kills = u64::try_from(kills).unwrap_or(u64::MAX);
                format!("{kills} OOM kill{}{place} {span}", plural(kills))
            }
            Verdict::None => format!("no OOM kill{place} {span}"),
            Verdict::Unknown => {
                format!("cannot say whether there was an OOM kill{place} {span}")
            }
        }
    }

    pub(super) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { question, evidence, unproven, cgroup_missing, verdict, .. } = self;
        let Evidence { kills, user_kills, doubtful, cgroup, .. } = evidence;
        let colon = if *verdict == Verdict::None { "" } else { ":" };
        writeln!(out, "{}{colon}", self.headline())?;
        let older = kills.len().saturating_sub(SHOWN);
        if older > 0 {
            writeln!(out, "  {older} older, and")?;
        }
        for (when, kill) in kills.iter().skip(older) {
            writeln!(out, "  {}  {}", time(*when), brief(kill))?;
        }
        for UserKill { origin, by, comm, pid, .. } in user_kills {
            let when = origin.time.map_or_else(String::new, time);
            let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            let comm = comm.as_ref().map_or_else(|| "a process".to_owned(), ToString::to_string);
            writeln!(out, "  {when}  {comm}{pid}, killed by {by}")?;
        }
        match verdict {
            Verdict::Killed => {
                if let Some((_, kill)) = kills.last() {
                    let pid = kill.victim.pid.unwrap_or(kill.victim.tid);
                    writeln!(out, "  in full: oom-trace history {pid}")?;
                }
            }
            Verdict::None => self.proof(out)?,
            Verdict::Unknown => {
                for Unproven { from, until, why } in unproven {
                    writeln!(out, "  {} to {}: {why}", time(*from), time(*until))?;
                }
                for (doubt, kill) in doubtful {
                    let when = kill.origin.time.map_or_else(|| "at some time".to_owned(), time);
                    writeln!(out, "  {when}  {}: {}", brief(kill), doubt.words())?;
                }
                if let (Some(InCgroup { counter, told, .. }), Some(_)) = (cgroup, cgroup_missing) {
                    writeln!(
                        out,
                        "  memory.events of {} counts {} kill{}, of which {told} are recorded",
                        counter.cgroup,
                        counter.kills,
                        plural(counter.kills)
                    )?;
                }
                if question.is_until_now && evidence.here.is_none() {
                    writeln!(
                        out,
                        "  the store is of another machine: only that one knows its count"
                    )?;
                }
            }
        }
        Ok(())
    }

    /// What a "no" rests on.
    fn proof(&self, out: &mut impl Write) -> io::Result<()> {
        if let (true, Some(InCgroup { counter, .. })) =
            (self.is_proven_by_cgroup, &self.evidence.cgroup)
        {
            let path = &counter.cgroup;
            return writeln!(out, "  memory.events of {path} counts no kill that is not recorded");
        }
        writeln!(
            out,
            "  the kernel's own count (oom_kill in /proc/vmstat) has no kill in that time that is not recorded"
        )
    }
}

fn record(kill: &OomKill) -> Value {
    let record = crate::incident::model::Record::OomKill(Box::new(kill.clone()));
    serde_json::to_value(record).unwrap_or(Value::Null)
}

fn stamp(time: Timestamp) -> String {
    format!("{time:.9}")
}

impl Doubt {
    const fn name(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::When => "time",
            Self::Outcome => "outcome",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Who => "its record does not tell whether it ran there",
            Self::When => "its record does not tell when it was",
            Self::Outcome => {
                "its record does not tell whether it was killed or was exiting already"
            }
        }
    }
}

impl Why {
    /// For scripts, and how many kills are missing.
    const fn code(self) -> (&'static str, Option<u64>) {
        match self {
            Self::NoRecord => ("no_record", None),
            Self::Restarted { .. } => ("restarted", None),
            Self::Ended { .. } => ("ended", None),
            Self::Pruned => ("pruned", None),
            Self::Missing { kills, agent: Agent::Ran } => ("missed", Some(kills)),
            Self::Missing { kills, agent: Agent::Absent } => ("agent_not_running", Some(kills)),
            Self::Missing { kills, agent: Agent::Vanished } => ("agent_died", Some(kills)),
            Self::Surplus { .. } => ("counts_disagree", None),
            Self::Unsure { .. } => ("unsure", None),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRecord => f.write_str("nothing is recorded of that time"),
            Self::Restarted { stopped: true } => {
                f.write_str("the machine restarted; the agent had stopped, and the kernel's count is lost")
            }
            Self::Restarted { stopped: false } => f.write_str(
                "the machine restarted while the agent ran or after it was killed; the kernel's count is lost",
            ),
            Self::Ended { stopped: true } => f.write_str("the agent had stopped, and nothing later is recorded"),
            Self::Ended { stopped: false } => f.write_str("nothing later is recorded"),
            Self::Pruned => {
                f.write_str("the store has deleted records of that time (max_age, max_bytes)")
            }
            Self::Missing { kills, agent } => {
                let was = if *kills == 1 { "1 kill that is" } else { &format!("{kills} kills that are") };
                match agent {
                    Agent::Ran => write!(f, "the agent ran, but the kernel counted {was} not recorded"),
                    Agent::Absent => {
                        write!(f, "no agent was running, and the kernel counted {was} not recorded")
                    }
                    Agent::Vanished => write!(
                        f,
                        "the agent was killed or crashed, and the kernel counted {was} not recorded"
                    ),
                }
            }
            Self::Surplus { kills } => write!(
                f,
                "{kills} more kill{} recorded than the kernel counted: the records cannot be trusted here",
                if *kills == 1 { " is" } else { "s are" }
            ),
            Self::Unsure { records } => write!(
                f,
                "{records} record{} whether the victim was killed or was exiting already",
                if *records == 1 { " does not tell" } else { "s do not tell" }
            ),
        }
    }
}
