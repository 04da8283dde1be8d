//! What records come to.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::back::{Back, Recovery};
use super::coverage::Coverage;
use super::group::{Group, groups};
use super::incident::{Incident, Name, What};
use super::place::escaped;
use super::repeat::{Repeat, places};
use super::timeline::Timeline;
use crate::incident::model::Why;

/// What a reader must know to judge the numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// How often the kernel counted kills that no hook saw.
    pub(super) gaps: usize,
    /// What the agent said of the last of them.
    pub(super) gap: Option<String>,
    /// Incidents whose time is partly a guess.
    pub(super) guessed: usize,
    /// Incidents without a time.
    pub(super) timeless: usize,
    /// Victims of which a log has the end, and not the kill.
    pub(super) ends: usize,
    /// How many are kept whole.
    pub(super) whole: usize,
    /// The span that was asked for.
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    /// Kills before that, and when the last of them was.
    pub(super) before: (u64, Option<Timestamp>),
    /// Which kills were asked for, if not all.
    pub(super) only: Option<String>,
    /// Names that were asked for and fit no kill, in words.
    pub(super) unmatched: Vec<String>,
    /// What the report can know of.
    pub(super) coverage: Coverage,
}

/// Something to do about a place.
#[derive(Debug, Clone)]
pub(super) struct Todo {
    /// The place.
    pub(super) place: Repeat,
    /// Of its newest kill.
    pub(super) why: Why,
    /// How many other places have the same said of them.
    pub(super) alike: u64,
}

/// Many incidents, summed up.
#[derive(Debug)]
pub struct Report {
    /// The newest first.
    pub(super) incidents: Vec<Incident>,
    /// The machines.
    pub(super) hosts: Vec<Name>,
    /// The span that is summed up: the one that was asked for, or that is known of, or else from the first to the
    /// last.
    pub(super) span: (Option<Timestamp>, Option<Timestamp>),
    /// What is killed more than once, most first.
    pub(super) repeats: Vec<Repeat>,
    /// What to do about the places that had the most, most first.
    pub(super) todo: Vec<Todo>,
    /// How much more there is to do.
    pub(super) more_todo: usize,
    /// How often each.
    pub(super) groups: Vec<Group>,
    /// How long until the memory was back.
    pub(super) recovery: Recovery,
    /// Programs that killed or ran out, most first.
    pub(super) programs: Vec<(Name, usize)>,
    /// What to know of the numbers.
    pub(super) notes: Notes,
    /// How times are shown.
    pub(super) zone: TimeZone,
}

/// So many things to do are kept: as many as the page shows.
pub(super) const TODO: usize = 10;

impl Report {
    pub(super) fn new(
        incidents: Vec<Incident>,
        victims: Vec<Back>,
        why: &HashMap<(Option<Name>, Name), Why>,
        mut notes: Notes,
        zone: TimeZone,
    ) -> Self {
        let mut hosts: BTreeSet<_> = incidents.iter().filter_map(|it| it.host.clone()).collect();
        // It is of one machine's boots, one after the other.
        notes.coverage.account = notes.coverage.account.filter(|_| hosts.len() <= 1);
        let account = notes.coverage.account.as_ref();
        let here = account.filter(|_| hosts.is_empty()).and_then(|account| account.host.as_deref());
        hosts.extend(here.map(|host| escaped(host).into()));
        let times = || incidents.iter().filter_map(|it| it.time);
        let since = notes.since.or(account.map(|it| it.since)).or_else(|| times().min());
        let until = notes.until.or(account.map(|it| it.until)).or_else(|| times().max());
        let places = places(&incidents);
        let groups = groups(&incidents, hosts.len() > 1);
        let mut todo = todo(&places, why);
        let more_todo = todo.split_off(todo.len().min(TODO)).len();
        let repeats = places.into_iter().filter(|place| place.times > 1).collect();
        let mut programs: HashMap<&Name, usize> = HashMap::new();
        for incident in &incidents {
            if let What::Program(by) = &incident.what {
                *programs.entry(by).or_default() += 1;
            }
        }
        let mut programs: Vec<_> =
            programs.into_iter().map(|(by, count)| (by.clone(), count)).collect();
        programs.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        Self {
            hosts: hosts.into_iter().collect(),
            span: (since, until),
            repeats,
            todo,
            more_todo,
            groups,
            recovery: Recovery::of(victims.into_iter()),
            programs,
            notes,
            zone,
            incidents,
        }
    }

    /// How many incidents there are.
    #[must_use]
    pub fn incidents(&self) -> usize {
        self.incidents.len()
    }

    /// How many of them are kept whole.
    #[must_use]
    pub fn whole(&self) -> usize {
        self.notes.whole
    }

    /// Whether names need the host beside them.
    pub(super) fn is_fleet(&self) -> bool {
        self.hosts.len() > 1
    }

    /// How often the kernel killed: a group kill counts once.
    pub(super) fn kills(&self) -> usize {
        self.incidents.iter().filter(|it| it.counts()).count()
    }

    /// How many processes it killed.
    pub(super) fn killed(&self) -> u64 {
        self.incidents.iter().filter(|it| !it.is_aside).map(|it| u64::from(it.killed)).sum()
    }

    /// How many kills somebody caused to try the agent.
    pub(super) fn tests(&self) -> usize {
        self.incidents.iter().filter(|it| it.is_kill() && it.is_test).count()
    }

    /// Whether some are of machines whose names are not known.
    pub(super) fn has_nameless(&self) -> bool {
        self.incidents.iter().any(|it| it.counts() && it.host.is_none())
    }

    /// How often this became of a shortage.
    pub(super) fn count(&self, what: &What) -> usize {
        self.incidents.iter().filter(|it| it.what == *what).count()
    }

    /// In how many incidents all victims were exiting already.
    pub(super) fn only_marked(&self) -> usize {
        self.incidents.iter().filter(|it| it.what == What::Kill && it.killed == 0).count()
    }

    /// Kills over time, in no more bars than there is room for.
    pub(super) fn timeline(&self, room: usize) -> Option<Timeline> {
        let kills = self.incidents.iter().filter(|it| it.counts());
        let kills = kills.filter_map(|it| Some((it.time?, it.is_of_limit)));
        Timeline::of(kills, &self.zone, room)
    }
}

/// The same advice for several places is given once, at the one that had the most kills.
fn todo(places: &[Repeat], why: &HashMap<(Option<Name>, Name), Why>) -> Vec<Todo> {
    let mut todo: Vec<Todo> = Vec::new();
    let mut known = HashMap::new();
    for place in places {
        let Some(why) = why.get(&(place.host.clone(), place.who.clone())) else { continue };
        let Why { summary, hints } = why;
        if hints.is_empty() {
            continue;
        }
        let at = *known.entry((summary, hints)).or_insert(todo.len());
        match todo.get_mut(at) {
            Some(known) => known.alike += 1,
            None => todo.push(Todo { place: place.clone(), why: why.clone(), alike: 0 }),
        }
    }
    todo
}
