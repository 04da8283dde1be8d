//! What is said first: how many there were, of whom, and in which time.

use std::fmt::Write as _;

use super::account::Account;
use super::incident::What;
use super::place::escaped;
use super::summary::Report;
use super::when::{When, zone_name};
use crate::units::Counted;

/// What causes kills that are tests.
const TESTS: &str = "oom-trace trigger or --demo";

/// `12 OOM kills on 3 hosts, 2026-11-01 10:00 to 2026-11-26 03:08 UTC`
pub(super) fn headline(report: &Report) -> String {
    let kills = report.kills();
    let is_whole = report.notes.coverage.account.as_ref().is_none_or(Account::is_whole);
    let mut line = match kills {
        0 => "No OOM kill".to_owned(),
        kills => Counted(kills as u64, "OOM kill").to_string(),
    };
    if !is_whole {
        line.push_str(" recorded");
    }
    if let Some(only) = &report.notes.only {
        let _ = write!(line, " {}", escaped(only));
    }
    if let Some(missing) = missing(report) {
        let _ = write!(line, " ({missing})");
    }
    match report.hosts.as_slice() {
        [] => {}
        [host] => {
            let _ = write!(line, " on {host}");
        }
        hosts => {
            let _ = write!(line, " on {} hosts", hosts.len());
        }
    }
    if !report.hosts.is_empty() && report.has_nameless() {
        line.push_str(" and on hosts that are not named");
    }
    let zone = zone_name(&report.zone);
    let when = |time| When { time: Some(time), boot_ns: None, zone: &report.zone };
    let _ = match report.span {
        (Some(first), Some(last)) if first == last => write!(line, ", {:#} {zone}", when(first)),
        (Some(first), Some(last)) => {
            write!(line, ", {:#} to {:#} {zone}", when(first), when(last))
        }
        (Some(first), None) => write!(line, " since {:#} {zone}", when(first)),
        (None, Some(last)) => write!(line, " until {:#} {zone}", when(last)),
        (None, None) => Ok(()),
    };
    line
}

/// How many kills are not recorded, where all are asked about.
fn missing(report: &Report) -> Option<String> {
    let account = report.notes.coverage.account.as_ref().filter(|_| report.notes.only.is_none())?;
    account.missing_told(&report.zone)
}

/// What the headline does not count.
pub(super) fn more(report: &Report) -> Vec<String> {
    let count = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let killed = report.killed();
    let several = u64::try_from(report.kills()).is_ok_and(|kills| killed > kills);
    let mut more = Vec::new();
    more.extend(report.notes.unmatched.iter().map(|told| escaped(told).to_string()));
    more.extend(
        report.notes.coverage.account.as_ref().and_then(|account| account.unrecorded(&report.zone)),
    );
    if let (0, (1.., Some(last))) = (report.kills(), report.notes.before) {
        let last = When { time: Some(last), boot_ns: None, zone: &report.zone };
        more.push(format!("the last before that was at {last:#}"));
    }
    let tests = report.tests();
    more.extend((tests > 0).then(|| match report.incidents.iter().any(|it| it.is_aside) {
        true => format!("not counted: {} ({TESTS})", Counted(tests as u64, "test")),
        false if tests == 1 => format!("it was a test ({TESTS})"),
        false => format!("all of them were tests ({TESTS})"),
    }));
    more.extend(several.then(|| format!("{killed} processes killed (a group kill counts once)")));
    more.extend(count(
        report.only_marked(),
        "victim was exiting already and got no signal",
        "victims were exiting already and got no signal",
    ));
    more.extend(count(report.count(&What::Panic), "kernel panic", "kernel panics"));
    more.extend(count(
        report.count(&What::Failed),
        "shortage with no process to kill",
        "shortages with no process to kill",
    ));
    if !report.programs.is_empty() {
        let by: Vec<_> =
            report.programs.iter().map(|(name, count)| format!("{name} {count}")).collect();
        more.push(format!("not by the kernel: {}", by.join(", ")));
    }
    more
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::account::Missing;
    use super::super::html;
    use super::super::testdata::{at, collected, kill, record};
    use super::*;

    /// Who reads one line of it must not take what is recorded for all that there was.
    #[test]
    fn what_nobody_recorded_is_in_the_headline() {
        let mut missed = collected(0, [record(kill("db1", "a.service", 5))]).report(TimeZone::UTC);
        let (since, until) = (at(0), at(60));
        let lost = |from| Missing { kills: 20, from, until };
        let account = Account {
            host: None,
            since,
            until,
            watch: None,
            missing: vec![lost(since)],
            unknown: vec![],
            started: None,
            certain: None,
        };
        missed.notes.coverage.account = Some(account.clone());
        assert!(
            headline(&missed).starts_with("1 OOM kill recorded (20 missing) on db1, "),
            "{}",
            headline(&missed)
        );
        let mut page = Vec::new();
        html::render(&missed, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("1 OOM kill recorded (20 missing) on db1, "), "{page}");
        let mut told = |from, until| {
            let missing = vec![Missing { kills: 20, from, until }];
            missed.notes.coverage.account = Some(Account { missing, ..account.clone() });
            headline(&missed)
        };
        let across = told(at(-60), at(90));
        assert!(across.starts_with("1 OOM kill recorded (up to 20 missing) on db1, "), "{across}");
        let before = told(at(-60), at(2));
        let bound = "(up to 20 missing, all before 2026-11-01 00:32:00) on db1, ";
        assert!(before.contains(bound), "{before}");
        let after = told(at(58), at(90));
        let bound = "(up to 20 missing, all after 2026-11-01 01:28:00) on db1, ";
        assert!(after.contains(bound), "{after}");
        missed.notes.only = Some("in unit a.service".into());
        assert!(
            headline(&missed).starts_with("1 OOM kill recorded in unit a.service on db1, "),
            "{}",
            headline(&missed)
        );
    }
}
