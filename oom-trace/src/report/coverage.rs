//! What the report can know of: when an agent watched, and which kills logs alone tell of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::account::Account;
use super::gap::{Gap, but};
use super::incident::Name;
use super::when::{When, span};
use crate::incident::model::{Agent, AgentEvent, Record, Source};
use crate::units::Counted;

/// What records are from.
#[derive(Debug, Clone, Default)]
pub(super) struct Coverage {
    /// What is known beside the records.
    pub(super) account: Option<Account>,
    /// What tells of an agent, by machine.
    signs: BTreeMap<Option<Name>, Vec<Sign>>,
    /// Kills that an agent saw.
    seen: usize,
    /// Kills that are read from logs.
    logged: usize,
}

/// A moment at which an agent was there.
#[derive(Debug, Clone)]
struct Sign {
    time: Timestamp,
    /// What it said of itself, if it is that.
    said: Option<Said>,
}

#[derive(Debug, Clone)]
struct Said {
    event: AgentEvent,
    boot_id: Option<String>,
    /// How many kills the kernel had counted.
    count: Option<u64>,
}

impl Sign {
    fn is(&self, event: AgentEvent) -> bool {
        self.said.as_ref().is_some_and(|said| said.event == event)
    }
}

/// That between two signs, if there is one.
fn gap<'a>(host: Option<&'a str>, a: &Sign, b: &Sign) -> Option<Gap<'a>> {
    let is_sure = a.is(AgentEvent::Stopped);
    let is_gap = is_sure || b.is(AgentEvent::Started);
    is_gap.then(|| {
        let both = a.said.as_ref().zip(b.said.as_ref());
        let of_boot = both.filter(|(a, b)| a.boot_id.is_some() && a.boot_id == b.boot_id);
        let kills = of_boot.and_then(|(a, b)| b.count?.checked_sub(a.count?));
        Gap { host, from: a.time, until: b.time, is_sure, kills }
    })
}

impl Coverage {
    /// A kill.
    pub(super) fn kill(&mut self, record: &Record, host: Option<&Name>) {
        let source = record.kill().map(|kill| kill.source);
        if source.is_some_and(|source| source.is_kernel_log() || source == Source::Log) {
            self.logged += 1;
        } else {
            self.seen += 1;
            self.sign(record.origin().time, host, None);
        }
    }

    /// What an agent said of itself.
    pub(super) fn agent(&mut self, agent: &Agent, host: Option<&Name>) {
        let Agent { origin, event, kernel_kills_since_boot, .. } = agent;
        let boot_id = origin.boot_id.clone();
        let said = Said { event: *event, boot_id, count: *kernel_kills_since_boot };
        self.sign(origin.time, host, Some(said));
    }

    fn sign(&mut self, time: Option<Timestamp>, host: Option<&Name>, said: Option<Said>) {
        let Some(time) = time else { return };
        self.signs.entry(host.cloned()).or_default().push(Sign { time, said });
    }

    /// In sentences; nothing where there is nothing to say.
    pub(super) fn told(&self, zone: &TimeZone) -> Option<String> {
        let account = self.account.as_ref().map(|account| account.told(zone));
        let watched = account.or_else(|| self.watched(zone)).filter(|told| !told.is_empty());
        let told: Vec<_> = watched.into_iter().chain(self.logged()).collect();
        (!told.is_empty()).then(|| told.join(" "))
    }

    /// When agents watched, if they told.
    fn watched(&self, zone: &TimeZone) -> Option<String> {
        let mut ends = None;
        let (mut hosts, mut gaps) = (0_u64, Vec::new());
        for (host, signs) in &self.signs {
            // Kills alone do not say that there was no gap between them.
            if signs.iter().all(|sign| sign.said.is_none()) {
                continue;
            }
            let mut signs: Vec<_> = signs.iter().collect();
            signs.sort_by_key(|sign| sign.time);
            let (Some(first), Some(last)) = (signs.first(), signs.last()) else { continue };
            let (from, until) = ends.unwrap_or((first.time, last.time));
            ends = Some((from.min(first.time), until.max(last.time)));
            hosts += 1;
            let pairs = signs.iter().zip(signs.iter().skip(1));
            gaps.extend(pairs.filter_map(|(a, b)| gap(host.as_deref(), a, b)));
        }
        let (first, last) = ends?;
        let minute = |time| When { time: Some(time), boot_ns: None, zone };
        let watched = match hosts {
            1 => format!(
                "An agent watched from {}, by its first and last record",
                span(first, last, zone)
            ),
            hosts => format!(
                "Agents watched on {hosts} hosts, the first from {:#}, the last until {:#}, by their records",
                minute(first),
                minute(last)
            ),
        };
        let but = but(&gaps, hosts > 1, zone).map(|but| format!(", but {but}"));
        let counted = counted(&gaps).map(|counted| format!(" {counted}"));
        Some(format!("{watched}{}.{}", but.unwrap_or_default(), counted.unwrap_or_default()))
    }

    fn logged(&self) -> Option<String> {
        let Self { seen, logged, .. } = *self;
        match (seen, logged) {
            (_, 0) => None,
            (0, _) => {
                Some("All kills are from kernel logs: one that is not in them is missing.".into())
            }
            (_, 1) => Some(format!("1 of {} kills is from kernel logs.", seen + logged)),
            _ => Some(format!("{logged} of {} kills are from kernel logs.", seen + logged)),
        }
    }
}

/// What the kernel counted while no agent watched, as far as that is known.
fn counted(gaps: &[Gap<'_>]) -> Option<String> {
    let is_whole = gaps.iter().all(|gap| gap.kills.is_some());
    match gaps.iter().filter_map(|gap| gap.kills).fold(0, u64::saturating_add) {
        _ if gaps.is_empty() => None,
        0 => is_whole.then(|| "The kernel counted no kill in that time.".into()),
        kills => {
            let least = if is_whole { "" } else { "at least " };
            let kills = Counted(kills, "kill");
            Some(format!(
                "The kernel counted {least}{kills} in that time: oom-trace verify says whether all are recorded."
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{agent, at, kill, record};
    use super::*;

    fn told(coverage: &Coverage) -> String {
        coverage.told(&TimeZone::UTC).unwrap_or_default()
    }

    /// What the agent of a host said, after so many minutes, and what the kernel had counted.
    fn of(said: &[(&str, AgentEvent, i64, u64)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (host, event, minutes, count) in said {
            coverage.agent(&agent(*event, *minutes, *count), Some(&Name::from(*host)));
        }
        coverage
    }

    #[test]
    fn what_an_agent_saw_is_told_from_what_logs_tell() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.told(&TimeZone::UTC), None);
        let of = |source, minutes| {
            let mut kill = kill("db1", "app.service", minutes);
            kill.source = source;
            record(kill)
        };
        coverage.kill(&of(Source::KernelLog, 0), None);
        let all = "All kills are from kernel logs: one that is not in them is missing.";
        assert_eq!(told(&coverage), all);
        coverage.kill(&of(Source::Kprobe, 60), None);
        // Whether one watched between two kills, they do not tell.
        assert_eq!(told(&coverage), "1 of 2 kills is from kernel logs.");
        coverage.agent(&agent(AgentEvent::Stopped, 120, 1), None);
        assert_eq!(
            told(&coverage),
            "An agent watched from 2026-11-01 01:30 to 2026-11-01 02:30, by its first and last record. \
             1 of 2 kills is from kernel logs."
        );
    }

    #[test]
    fn while_an_agent_had_stopped_it_did_not_watch() {
        let mut coverage = of(&[
            ("db1", AgentEvent::Started, 0, 3),
            ("db1", AgentEvent::Stopped, 60, 5),
            ("db1", AgentEvent::Started, 62, 5),
            ("db1", AgentEvent::Degraded, 62, 5),
        ]);
        coverage.sign(Some(at(90)), Some(&Name::from("db1")), None);
        assert_eq!(
            told(&coverage),
            "An agent watched from 2026-11-01 00:30 to 2026-11-01 02:00, by its first and last record, \
             but not from 2026-11-01 01:30:00 to 2026-11-01 01:32:00 (2m 0s). \
             The kernel counted no kill in that time."
        );
    }

    #[test]
    fn few_gaps_are_told_each_and_of_many_the_longest_and_kills_in_them_are_counted() {
        let mut said = vec![
            ("db1", AgentEvent::Started, 0, 3),
            ("db1", AgentEvent::Stopped, 60, 5),
            ("db1", AgentEvent::Started, 62, 6),
            ("db1", AgentEvent::Stopped, 70, 6),
            ("db1", AgentEvent::Started, 80, 8),
        ];
        let few = told(&of(&said));
        let spans = "but for 2 gaps: from 2026-11-01 01:30:00 to 2026-11-01 01:32:00 (2m 0s), from \
                     2026-11-01 01:40:00 to 2026-11-01 01:50:00 (10m 0s). The kernel counted 3 kills in \
                     that time:";
        assert!(few.contains(spans), "{few}");
        for minute in [84, 88] {
            said.push(("db1", AgentEvent::Stopped, minute, 8));
            said.push(("db1", AgentEvent::Started, minute + 1, 8));
        }
        let many = told(&of(&said));
        let longest =
            "but for 4 gaps, the longest from 2026-11-01 01:40:00 to 2026-11-01 01:50:00 (10m 0s).";
        assert!(many.contains(longest), "{many}");
    }

    #[test]
    fn one_that_ended_without_a_word_may_have_watched_longer() {
        let coverage =
            of(&[("db1", AgentEvent::Started, 0, 3), ("db1", AgentEvent::Started, 60, 3)]);
        let told = told(&coverage);
        assert!(told.contains("but perhaps not from 2026-11-01 00:30:00 to"), "{told}");
        assert!(told.contains("(1h 0m): it ended without a word."), "{told}");
    }

    #[test]
    fn each_host_has_an_agent_of_its_own() {
        let coverage = of(&[
            ("db1", AgentEvent::Started, 0, 0),
            ("db2", AgentEvent::Started, 10, 0),
            ("db1", AgentEvent::Stopped, 60, 0),
            ("db2", AgentEvent::Stopped, 90, 0),
        ]);
        assert_eq!(
            told(&coverage),
            "Agents watched on 2 hosts, the first from 2026-11-01 00:30, \
             the last until 2026-11-01 02:00, by their records."
        );
        let mut gap =
            of(&[("db1", AgentEvent::Stopped, 60, 0), ("db2", AgentEvent::Started, 10, 0)]);
        let restarted = agent(AgentEvent::Started, 65, 0);
        gap.agent(&restarted, Some(&Name::from("db1")));
        let told = told(&gap);
        assert!(told.contains("to 2026-11-01 01:35:00 on db1 (5m 0s)"), "{told}");
    }
}
