//! What is known of a span of time beside the records of it: when an agent watched, and what the kernel counted.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::gap::{FEW, Gap, but, of_spans};
use super::when::{When, span, zone_name};
use crate::units::Counted;

/// Of one machine, as whoever reads its store or its log can find it out.
#[derive(Debug, Clone)]
pub struct Account {
    /// The machine, if it is this one.
    pub host: Option<String>,
    /// The span.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// When an agent watched; `None` where that is not what it is read from.
    pub watch: Option<Watch>,
    /// Kills that the kernel counted and that are not recorded, in order.
    pub missing: Vec<Missing>,
    /// The spans in it of which nobody knows.
    pub unknown: Vec<(Timestamp, Timestamp)>,
    /// When the machine started, if the span begins before that and nothing older is recorded.
    pub started: Option<Timestamp>,
    /// The flags that ask for the last part of it in which no kill is missing, where one may be in the others.
    pub certain: Option<String>,
}

/// Kills that the kernel counted and that are not recorded.
#[derive(Debug, Clone, Copy)]
pub struct Missing {
    /// How many.
    pub kills: u64,
    /// They were after this moment, which may be before the span.
    pub from: Timestamp,
    /// They were before this one, which may be after it.
    pub until: Timestamp,
}

/// When an agent watched.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// From when, and until when; nothing if none did.
    pub span: Option<(Timestamp, Timestamp)>,
    /// That is all that is asked about, but for gaps.
    pub is_whole: bool,
    /// It goes on.
    pub runs_still: bool,
    /// The spans in it without an agent, and whether it had said that it stops.
    pub gaps: Vec<(Timestamp, Timestamp, bool)>,
}

impl Account {
    /// In sentences.
    pub(super) fn told(&self, zone: &TimeZone) -> String {
        let watched = self.watch.as_ref().map(|watch| watch.told(zone));
        let started = self.started.map(|started| {
            let started = When { time: Some(started), boot_ns: None, zone };
            format!("The machine started at {started}; nothing older is recorded.")
        });
        let counted = match of_spans(&self.unknown, zone) {
            None if !self.missing.is_empty() => None,
            None => Some(format!(
                "By the kernel's own count, no kill is missing{}.",
                if started.is_some() { " since" } else { "" }
            )),
            Some(spans) => Some(format!(
                "Nobody knows whether there were kills {spans}: oom-trace verify says why."
            )),
        };
        let certain =
            self.certain.as_ref().map(|flags| format!("With {flags}, no kill is missing."));
        let told = watched.into_iter().chain(started).chain(counted).chain(certain);
        told.collect::<Vec<_>>().join(" ")
    }

    /// Whether each kill that the kernel counted is recorded.
    pub(super) const fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty() && self.started.is_none()
    }

    /// How many kills the kernel counted that are not recorded, and whether all of them were in the span.
    pub(super) fn missed(&self) -> (u64, bool) {
        let is_in = |it: &Missing| it.from >= self.since && it.until <= self.until;
        (self.missing.iter().map(|it| it.kills).sum(), self.missing.iter().all(is_in))
    }

    /// `up to 3287 missing, all before 2026-11-28 08:01:02`; nothing if none is.
    pub(super) fn missing_told(&self, zone: &TimeZone) -> Option<String> {
        let (first, last) = self.missing.first().zip(self.missing.last())?;
        let (kills, are_in) = self.missed();
        if are_in {
            return Some(format!("{kills} missing"));
        }
        let when = |time| When { time: Some(time), boot_ns: None, zone };
        let bound = match (first.from > self.since, last.until < self.until) {
            (_, true) => format!(", all before {}", when(last.until)),
            (true, false) => format!(", all after {}", when(first.from)),
            (false, false) => String::new(),
        };
        Some(format!("up to {kills} missing{bound}"))
    }

    /// What the kernel counted and nobody recorded.
    #[must_use]
    pub fn unrecorded(&self, zone: &TimeZone) -> Option<String> {
        let (first, last) = self.missing.first().zip(self.missing.last())?;
        let (kills, are_in) = self.missed();
        let all = [Missing { kills, from: first.from, until: last.until }];
        // That some were killed after the last record must not be lost among those before the first.
        let told = if self.missing.len() <= FEW { self.missing.as_slice() } else { &all };
        let whose = if self.watch.is_some() { "not recorded" } else { "no longer in its log" };
        let are = if kills == 1 { "is" } else { "are" };
        let perhaps =
            if are_in { "" } else { "; how many of them in the period asked for is not known" };
        let when = |time| When { time: Some(time), boot_ns: None, zone };
        let spans = told.iter().map(|Missing { kills, from, until }| {
            format!("{} between {} and {}", Counted(*kills, "kill"), when(*from), when(*until))
        });
        let spans = spans.collect::<Vec<_>>().join(" and ");
        Some(format!("the kernel counted {spans} {} that {are} {whose}{perhaps}", zone_name(zone)))
    }
}

impl Watch {
    fn told(&self, zone: &TimeZone) -> String {
        let Some((from, until)) = self.span else { return "No agent watched then.".to_owned() };
        let minute = |time| When { time: Some(time), boot_ns: None, zone };
        let watched = match (self.is_whole, self.runs_still) {
            (true, true) => "An agent watched all of that time, and still does".to_owned(),
            (true, false) => "An agent watched all of that time".to_owned(),
            (false, true) => format!("An agent has watched since {:#}", minute(from)),
            (false, false) => {
                format!("An agent watched from {}", span(from, until, zone))
            }
        };
        let gap = |&(from, until, is_sure)| Gap { host: None, from, until, is_sure, kills: None };
        let gaps: Vec<_> = self.gaps.iter().map(gap).collect();
        let but = but(&gaps, false, zone).map(|but| format!(", but {but}"));
        format!("{watched}{}.", but.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::at;
    use super::*;

    fn account(watch: Option<Watch>, missing: &[Missing], unknown: &[(i64, i64)]) -> Account {
        let unknown = unknown.iter().map(|(from, until)| (at(*from), at(*until))).collect();
        Account {
            host: None,
            since: at(0),
            until: at(120),
            watch,
            missing: missing.to_vec(),
            unknown,
            started: None,
            certain: None,
        }
    }

    #[test]
    fn what_was_watched_and_what_was_counted_is_told() {
        let whole = Watch { span: Some((at(0), at(120))), is_whole: true, ..Watch::default() };
        assert_eq!(
            account(Some(whole.clone()), &[], &[]).told(&TimeZone::UTC),
            "An agent watched all of that time. By the kernel's own count, no kill is missing."
        );
        let gap = (at(60), at(62), true);
        let broken = Watch { is_whole: false, runs_still: true, gaps: vec![gap], ..whole };
        let missing = Missing { kills: 3, from: at(60), until: at(62) };
        let told = account(Some(broken.clone()), &[missing], &[]);
        assert_eq!(
            told.told(&TimeZone::UTC),
            "An agent has watched since 2026-11-01 00:30, but not from 2026-11-01 01:30:00 to \
             2026-11-01 01:32:00 (2m 0s)."
        );
        assert_eq!(
            told.unrecorded(&TimeZone::UTC).unwrap(),
            "the kernel counted 3 kills between 2026-11-01 01:30:00 and 2026-11-01 01:32:00 UTC that are \
             not recorded"
        );
        let later = Missing { kills: 1, from: at(100), until: at(110) };
        let twice = account(Some(broken.clone()), &[missing, later], &[]);
        assert_eq!(
            twice.unrecorded(&TimeZone::UTC).unwrap(),
            "the kernel counted 3 kills between 2026-11-01 01:30:00 and 2026-11-01 01:32:00 and 1 kill between \
             2026-11-01 02:10:00 and 2026-11-01 02:20:00 UTC that are not recorded"
        );
        let often = account(Some(broken), &[missing, later, later, later], &[]);
        let all =
            "the kernel counted 6 kills between 2026-11-01 01:30:00 and 2026-11-01 02:20:00 UTC";
        assert!(often.unrecorded(&TimeZone::UTC).unwrap().starts_with(all));
    }

    #[test]
    fn a_time_of_which_nothing_is_known_is_no_all_clear() {
        let nobody = account(Some(Watch::default()), &[], &[(0, 1), (5, 6)]);
        assert_eq!(
            nobody.told(&TimeZone::UTC),
            "No agent watched then. Nobody knows whether there were kills from 2026-11-01 00:30:00 to \
             2026-11-01 00:31:00 (1m 0s), from 2026-11-01 00:35:00 to 2026-11-01 00:36:00 (1m 0s): \
             oom-trace verify says why."
        );
        let booted = Account { started: Some(at(10)), ..account(None, &[], &[]) };
        assert_eq!(
            booted.told(&TimeZone::UTC),
            "The machine started at 2026-11-01 00:40:00; nothing older is recorded. By the kernel's own count, no \
             kill is missing since."
        );
        assert!(!booted.is_whole());
        let often = account(None, &[], &[(0, 1), (5, 6), (8, 20), (30, 31)]).told(&TimeZone::UTC);
        let spans = "in 4 spans, together 15m 0s, the longest from 2026-11-01 00:38:00 to";
        assert!(often.contains(spans), "{often}");
        assert_eq!((nobody.unrecorded(&TimeZone::UTC), nobody.missed()), (None, (0, true)));
        let missing = Missing { kills: 1, from: at(-60), until: at(120) };
        let log = account(None, &[missing], &[]);
        assert_eq!(log.missed(), (1, false));
        assert_eq!(log.told(&TimeZone::UTC), "");
        let flags = "--until \"2026-11-01 00:50:00 UTC\"";
        let certain = Account { certain: Some(flags.to_owned()), ..log.clone() };
        let with = "With --until \"2026-11-01 00:50:00 UTC\", no kill is missing.";
        assert_eq!(certain.told(&TimeZone::UTC), with);
        assert_eq!(
            log.unrecorded(&TimeZone::UTC).unwrap(),
            "the kernel counted 1 kill between 2026-10-31 23:30:00 and 2026-11-01 02:30:00 UTC that is no longer \
             in its log; how many of them in the period asked for is not known"
        );
    }
}
