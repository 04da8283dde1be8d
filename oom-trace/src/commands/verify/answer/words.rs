//! Why nobody knows, in a code and in a sentence: of a span of time, and of a kill.

use super::super::evidence::{Doubt, Ground};
use crate::incident::model::OomKill;
use crate::ledger::{AgentThen, Unproven, Why};
use crate::render::time;

impl Doubt {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::When => "time",
            Self::Outcome => "outcome",
        }
    }

    pub(super) fn told(self, kill: &OomKill) -> &'static str {
        match self {
            Self::Who if kill.victim.cgroup.is_none() => {
                "its cgroup is unknown: its record does not tell whether it ran there"
            }
            Self::Who => "its record does not tell whether it ran there",
            Self::When => "its record does not tell when it was",
            Self::Outcome => {
                "its record does not tell whether it was killed or was exiting already"
            }
        }
    }

    /// The same of several, of which this is one.
    pub(super) fn told_of_many(self, kill: &OomKill) -> &'static str {
        match self {
            Self::Who if kill.victim.cgroup.is_none() => "whose cgroup is unknown",
            Self::Who => "whose records do not tell whether they ran there",
            Self::When => "whose records do not tell when they were",
            Self::Outcome => {
                "whose records do not tell whether the process was killed or was exiting already"
            }
        }
    }
}

impl Why {
    /// For scripts, and how many kills are missing.
    pub(super) const fn code(self) -> (&'static str, Option<u64>) {
        match self {
            Self::NoRecord | Self::BeforeBoot => ("no_record", None),
            Self::Restarted { .. } => ("restarted", None),
            Self::Ended { .. } => ("ended", None),
            Self::Pruned => ("pruned", None),
            Self::Missing { kills, agent: AgentThen::Ran | AgentThen::Began } => {
                ("missed", Some(kills))
            }
            Self::Missing { kills, agent: AgentThen::Unheard } => ("not_covered", Some(kills)),
            Self::Missing { kills, agent: AgentThen::Stopped } => {
                ("agent_not_running", Some(kills))
            }
            Self::Missing { kills, agent: AgentThen::Vanished } => ("agent_died", Some(kills)),
            Self::Surplus { .. } => ("counts_disagree", None),
            Self::Unsure { .. } => ("unsure", None),
        }
    }
}

impl Unproven {
    /// Why nobody knows of it, where the records are from there.
    pub(super) fn told(&self, ground: Ground) -> String {
        match self.why {
            Why::NoRecord => "nothing was recorded in that time".to_owned(),
            Why::BeforeBoot => {
                "the machine started only then, and nothing older is recorded".to_owned()
            }
            Why::Restarted { stopped: true } => {
                "the machine restarted; the agent had stopped, and the kernel's count is lost"
                    .to_owned()
            }
            Why::Restarted { stopped: false } => {
                "the machine restarted while the agent ran or after it was \
                 killed; the kernel's count is lost"
                    .to_owned()
            }
            Why::Ended { stopped: true } => {
                "the agent had stopped, and nothing later is recorded".to_owned()
            }
            Why::Ended { stopped: false } => "nothing later is recorded".to_owned(),
            Why::Pruned => {
                "the store has deleted records of that time (max_age, max_bytes)".to_owned()
            }
            Why::Missing { kills, agent } => self.missing(kills, agent, ground),
            Why::Surplus { kills } => format!(
                "{kills} more kill{} recorded than the kernel counted{}: the records cannot be trusted here",
                if kills == 1 { " is" } else { "s are" },
                self.when_counted()
            ),
            Why::Unsure { records } => format!(
                "{records} record{} whether the victim was killed or was exiting already",
                if records == 1 { " does not tell" } else { "s do not tell" }
            ),
        }
    }

    fn missing(&self, kills: u64, agent: AgentThen, ground: Ground) -> String {
        let were = if kills == 1 { "1 kill that is" } else { &format!("{kills} kills that are") };
        let counted = format!("the kernel counted {were} not recorded{}", self.when_counted());
        match (agent, ground) {
            (_, Ground::Log) => format!("not covered by the kernel's log: {counted}"),
            (AgentThen::Ran, _) => format!("the agent ran, but {counted}"),
            (AgentThen::Began, _) => {
                format!("{counted}: the agent missed it, or is no longer running")
            }
            (AgentThen::Unheard, _) => {
                format!("this store's agent was not running yet, and {counted}")
            }
            (AgentThen::Stopped, _) => format!("this store's agent had stopped, and {counted}"),
            (AgentThen::Vanished, _) => format!("the agent was killed or crashed, and {counted}"),
        }
    }

    /// A count tells of the time between two moments, of which this may be a part.
    fn when_counted(&self) -> String {
        let (from, until) = self.counted;
        // As it is shown: less than that nobody reads.
        if (time(from), time(until)) == (time(self.from), time(self.until)) {
            return String::new();
        }
        let begin = match self.why {
            Why::Missing { agent: AgentThen::Unheard, .. } => "the boot at ",
            _ => "",
        };
        format!(
            " between {begin}{} and {}; how many of them in this span is not known",
            time(from),
            time(until)
        )
    }
}
