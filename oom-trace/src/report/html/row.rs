//! A line of the table.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;

use super::super::back::Back;
use super::super::incident::{Incident, Name, What};
use super::super::place::short;
use super::super::summary::Report;
use super::super::text::size;
use super::super::when::When;
use crate::units::Age;

/// Characters of a path.
const PATH: usize = 40;

/// One incident.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) incident: &'a Incident,
    pub(super) anchor: String,
    pub(super) when: When<'a>,
    /// What it was, if it was not one process that the kernel killed.
    pub(super) note: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) limit_size: String,
    pub(super) held: String,
    pub(super) back: String,
    pub(super) back_ms: u64,
    /// Which kill of its place this is, of how many.
    pub(super) nth: usize,
    pub(super) of: usize,
}

/// All of them, the newest first.
pub(super) fn rows(report: &Report) -> Vec<Row<'_>> {
    let mut anchors = HashSet::new();
    let mut left: HashMap<(Option<&Name>, &Name), usize> = HashMap::new();
    for key in report.incidents.iter().filter_map(place) {
        *left.entry(key).or_default() += 1;
    }
    let all = left.clone();
    let rows = report.incidents.iter().map(|incident| {
        let key = place(incident);
        let of = key.and_then(|key| all.get(&key).copied()).unwrap_or(0);
        let left = key.and_then(|key| left.get_mut(&key));
        let nth = left.map_or(0, |left| std::mem::replace(left, left.saturating_sub(1)));
        row(incident, anchor(&incident.id, &mut anchors), nth, of, &report.zone)
    });
    rows.collect()
}

/// Where the kernel killed.
fn place(incident: &Incident) -> Option<(Option<&Name>, &Name)> {
    let who = incident.who().filter(|_| incident.is_kill())?;
    Some((incident.host.as_ref(), who))
}

fn row<'a>(
    incident: &'a Incident,
    anchor: String,
    nth: usize,
    of: usize,
    zone: &'a TimeZone,
) -> Row<'a> {
    let Incident { time, boot_ns, limit, limit_bytes, held, back, .. } = incident;
    let (back, back_ms) = match back {
        Some(Back::After(ms)) => (Age(*ms).to_string(), *ms),
        Some(Back::Stuck) => ("not yet".into(), u64::MAX),
        Some(Back::Unseen) | None => (String::new(), 0),
    };
    Row {
        anchor,
        when: When { time: *time, boot_ns: *boot_ns, zone },
        note: note(incident),
        limit: limit.as_deref().map(|limit| short(limit, PATH)),
        limit_size: size(*limit_bytes),
        held: size(*held),
        back,
        back_ms,
        nth,
        of,
        incident,
    }
}

/// What is unusual about it.
pub(super) fn note(incident: &Incident) -> Option<String> {
    match (&incident.what, incident.killed) {
        (What::Panic, _) => Some("kernel panic".into()),
        (What::Failed, _) => Some("no process could be killed".into()),
        (What::Program(by), _) => Some(format!("not the kernel: {by}")),
        (What::Kill, 0) => Some("was exiting already".into()),
        (What::Kill, 1) => incident.is_test.then(|| "a test".into()),
        (What::Kill, killed) => {
            let test = if incident.is_test { ", a test" } else { "" };
            Some(format!("and {} more{test}", killed - 1))
        }
    }
}

/// The id of its record, as far as it can stand in an address; two of the same get a number.
fn anchor(id: &str, taken: &mut HashSet<String>) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let plain = id.replace(|character| !is_plain(character), "_");
    let mut anchor = format!("k-{plain}");
    let mut number = 1;
    while !taken.insert(anchor.clone()) {
        number += 1;
        anchor = format!("k-{plain}_{number}");
    }
    anchor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_plain_and_there_is_one_of_each() {
        let mut taken = HashSet::new();
        assert_eq!(anchor("7c6e5a0c-4572983us-157", &mut taken), "k-7c6e5a0c-4572983us-157");
        assert_eq!(anchor("\"><script>", &mut taken), "k-___script_");
        assert_eq!(anchor("'><script>", &mut taken), "k-___script__2");
    }
}
