//! How often each of a kind: processes, units, pods, limits.

use std::collections::HashMap;

use super::incident::{Incident, Name};
use super::place::{Kind, on_host};

/// What kills are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Pods.
    Pod,
    /// Containers in no pod.
    Container,
    /// systemd units.
    Unit,
    /// Cgroups that are none of these.
    Cgroup,
    /// Processes by name.
    Process,
    /// Whose memory ran out.
    Limit,
    /// Machines.
    Host,
}

impl By {
    /// In the order in which they are shown.
    pub(super) const ALL: [Self; 7] = [
        Self::Host,
        Self::Pod,
        Self::Container,
        Self::Unit,
        Self::Cgroup,
        Self::Process,
        Self::Limit,
    ];

    /// In a word.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Unit => "unit",
            Self::Cgroup => "cgroup",
            Self::Process => "process",
            Self::Limit => "limit",
            Self::Host => "host",
        }
    }

    fn of(self, incident: &Incident) -> Option<&Name> {
        let place =
            |kind| incident.place.as_ref().filter(|(is, _)| *is == kind).map(|(_, name)| name);
        match self {
            Self::Pod => place(Kind::Pod),
            Self::Container => place(Kind::Container),
            Self::Unit => place(Kind::Unit),
            Self::Cgroup => place(Kind::Cgroup),
            Self::Process => incident.process.as_ref(),
            Self::Limit => incident.limit.as_ref(),
            Self::Host => incident.host.as_ref(),
        }
    }

    /// Whether one of the same name elsewhere is another: a process is a program wherever it runs.
    const fn is_local(self) -> bool {
        !matches!(self, Self::Process | Self::Host)
    }
}

/// Who died: a limit is known by whoever hit it, if that was always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process<'a> {
    One(&'a Name),
    Various,
}

impl<'a> Process<'a> {
    fn of(incident: &'a Incident) -> Self {
        incident.process.as_ref().map_or(Self::Various, Self::One)
    }

    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Various }
    }
}

/// Kills counted by one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// What they are counted by.
    pub(super) by: By,
    /// Names and how often, most first.
    pub(super) rows: Vec<(String, u64)>,
}

/// Each that has something to count. With several hosts, names are those of a host.
pub(super) fn groups(incidents: &[Incident], is_fleet: bool) -> Vec<Group> {
    let limits = Tally::of(incidents, By::Limit, is_fleet);
    // Rows of limits name the place and the process.
    let says_more = |by, tally: &Tally<'_>| by == By::Host || tally.members != limits.members;
    let others = By::ALL.into_iter().filter(|by| match by {
        By::Host => is_fleet,
        By::Limit => false,
        _ => true,
    });
    let tallies = others.map(|by| (by, Tally::of(incidents, by, is_fleet)));
    let told = tallies.filter(|(by, tally)| says_more(*by, tally));
    let mut groups: Vec<_> = told.map(|(by, tally)| tally.group(by)).collect();
    groups.push(limits.group(By::Limit));
    groups.retain(|group| !group.rows.is_empty());
    groups
}

/// Kills by one thing.
struct Tally<'a> {
    /// The row of each kill, by the order in which rows came; `None` if it is in none.
    members: Vec<Option<u32>>,
    rows: Vec<(String, u64, Process<'a>)>,
}

impl<'a> Tally<'a> {
    fn of(incidents: &'a [Incident], by: By, is_fleet: bool) -> Self {
        let mut known: HashMap<(&Name, Option<&str>), u32> = HashMap::new();
        let mut rows: Vec<(String, u64, Process<'_>)> = Vec::new();
        let members = incidents.iter().filter(|incident| incident.counts()).map(|incident| {
            let name = by.of(incident)?;
            let host = incident.host.as_deref().filter(|_| is_fleet && by.is_local());
            let process = Process::of(incident);
            let at = *known.entry((name, host)).or_insert_with(|| {
                rows.push((on_host(name, host), 0, process));
                u32::try_from(rows.len() - 1).unwrap_or(u32::MAX)
            });
            let (_, count, of) = rows.get_mut(usize::try_from(at).ok()?)?;
            (*count, *of) = (*count + 1, of.and(process));
            Some(at)
        });
        Self { members: members.collect(), rows }
    }

    fn group(self, by: By) -> Group {
        let rows = self.rows.into_iter().map(|(name, count, process)| match process {
            Process::One(process) if by == By::Limit => (format!("{name} ({process})"), count),
            _ => (name, count),
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        Group { by, rows }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::testdata::{collected, kill, record};
    use super::*;

    /// Limits, of which each has its own unit and process, name both.
    #[test]
    fn what_the_rows_of_another_group_tell_is_not_told_again() {
        let told = |kills: &[(&str, &str)]| {
            let records = (0..).zip(kills).map(|(at, (unit, comm))| {
                let mut kill = kill("db1", unit, at);
                kill.victim.comm = Some((*comm).into());
                record(kill)
            });
            let report = collected(0, records).report(TimeZone::UTC);
            report.groups.iter().map(|group| group.by).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&[("a.service", "a"), ("a.service", "a"), ("b.service", "b")]),
            [By::Limit]
        );
        let both = [By::Process, By::Limit];
        assert_eq!(told(&[("a.service", "one"), ("a.service", "two")]), both);
        assert_eq!(told(&[("a.service", "one"), ("b.service", "one")]), both);
    }
}
