//! From records, one at a time, to what a report needs of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::account::Account;
use super::back::Back;
use super::incident::{Incident, Name, What};
use super::kept::{Kept, Other};
use super::place::{self, escaped};
use super::summary::{Notes, Report};
use crate::incident::model::{
    Agent, AgentEvent, OomExit, OomKill, Origin, Outcome, Record, Scope, UserKill, Why,
};
use crate::text::KernelText;

/// Of a group kill so many are named.
const OTHERS: usize = 50;

/// A machine and the name that something has there.
type On = (Option<Name>, String);

/// Takes records in any order, from any number of machines. One that comes twice counts once.
#[derive(Debug, Default)]
pub struct Collector {
    /// How many incidents are kept whole: the newest.
    whole: usize,
    names: HashSet<Name>,
    seen: HashSet<On>,
    incidents: Vec<Incident>,
    by_name: HashMap<On, usize>,
    exits: HashMap<(On, u32), Back>,
    full: BTreeMap<(Option<Timestamp>, usize), Kept>,
    why: HashMap<(Option<Name>, Name), (Option<Timestamp>, Why)>,
    notes: Notes,
}

impl Collector {
    /// Keeps so many incidents whole, and a line of each of the others.
    #[must_use]
    pub fn new(whole: usize) -> Self {
        Self { whole, ..Self::default() }
    }

    /// Sums up a span of time of which this is known beside the records.
    #[must_use]
    pub fn accounting(mut self, account: Option<Account>) -> Self {
        self.notes.coverage.account = account;
        self
    }

    /// Sums up what was since a moment, or until one.
    #[must_use]
    pub fn within(mut self, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        (self.notes.since, self.notes.until) = (since, until);
        self
    }

    /// Knows of so many kills before that, the last of them at this time.
    #[must_use]
    pub fn after(mut self, kills: u64, last: Option<Timestamp>) -> Self {
        self.notes.before = (kills, last);
        self
    }

    /// Sums up only what a filter takes, as people read it.
    #[must_use]
    pub fn only(mut self, only: Option<String>) -> Self {
        self.notes.only = only;
        self
    }

    /// Knows which names of the filter fit no kill, in words.
    #[must_use]
    pub fn without(mut self, unmatched: Vec<String>) -> Self {
        self.notes.unmatched = unmatched;
        self
    }

    /// Takes a record.
    pub fn add(&mut self, record: Record) {
        let origin = record.origin();
        let host = origin.host.as_deref().map(|host| self.name(escaped(host)));
        // Without a time, two of the same name may be two.
        let has_time = origin.time.is_some() || origin.boot_id.is_some();
        if has_time && !self.seen.insert((host.clone(), record.id())) {
            return;
        }
        self.seen.extend(record.further_ids().map(|id| (host.clone(), id)));
        match &record {
            Record::OomKill(kill) => self.kill(kill, host, has_time, &record),
            Record::OomPanic(panic) => {
                let incident = Incident {
                    limit: place::of_limit(&panic.shortage).map(|limit| self.name(limit)),
                    ..incident(&record, host, What::Panic)
                };
                self.push(incident, &panic.incident, record.clone());
            }
            Record::OomFailed(failed) => {
                let trigger = failed.shortage.trigger.as_ref();
                let incident = Incident {
                    process: self.text(trigger.and_then(|trigger| trigger.comm.as_ref())),
                    limit: place::of_limit(&failed.shortage).map(|limit| self.name(limit)),
                    ..incident(&record, host, What::Failed)
                };
                self.push(incident, &failed.incident, record.clone());
            }
            Record::UserKill(kill) => {
                let incident = self.program(kill, host, &record);
                self.push(incident, &kill.incident, record.clone());
            }
            Record::OomExit(exit) => self.exit(exit, host),
            Record::Agent(agent) => self.agent(agent, host.as_ref()),
        }
    }

    fn kill(&mut self, kill: &OomKill, host: Option<Name>, has_time: bool, record: &Record) {
        let is_mark = kill.outcome == Some(Outcome::AlreadyExiting);
        let (killed, marked) = (u32::from(!is_mark), u32::from(is_mark));
        let known = self.by_name.get(&(host.clone(), kill.incident.clone())).copied();
        if let Some(index) = known.filter(|_| has_time || kill.victim_index > 1) {
            if let Some(incident) = self.incidents.get_mut(index) {
                incident.killed += killed;
                incident.marked += marked;
                if let Some(full) = self.full.get_mut(&(incident.time, index)) {
                    full.another(kill);
                }
            }
            return;
        }
        let victim = &kill.victim;
        let place = place::of_victim(victim).map(|(kind, name)| (kind, self.name(name)));
        let incident = Incident {
            process: self.text(victim.comm.as_ref()),
            pid: victim.pid.or(Some(victim.tid)),
            place,
            limit: place::of_limit(&kill.shortage).map(|limit| self.name(limit)),
            is_of_limit: kill.shortage.scope == Some(Scope::Memcg),
            limit_bytes: place::size(kill),
            held: victim.memory.resident(),
            is_test: kill.is_test(),
            killed,
            marked,
            ..incident(record, host, What::Kill)
        };
        if let (Some(why), Some(who), false) = (&kill.why, incident.who(), incident.is_test) {
            let newest = self.why.entry((incident.host.clone(), who.clone()));
            let newest = newest.or_insert_with(|| (incident.time, why.clone()));
            if newest.0 < incident.time {
                *newest = (incident.time, why.clone());
            }
        }
        self.push(incident, &kill.incident, record.clone());
    }

    fn program(&mut self, kill: &UserKill, host: Option<Name>, record: &Record) -> Incident {
        let UserKill { by, pid, comm, cgroup, pod, rss_bytes, .. } = kill;
        let pod = pod.as_deref().map(|pod| (place::Kind::Pod, self.name(escaped(pod))));
        let cgroup = cgroup.as_ref().map(|path| (place::Kind::Cgroup, self.name(path.to_string())));
        let by = self.name(escaped(by));
        Incident {
            process: self.text(comm.as_ref()),
            pid: *pid,
            place: pod.or(cgroup),
            held: *rss_bytes,
            ..incident(record, host, What::Program(by))
        }
    }

    fn exit(&mut self, exit: &OomExit, host: Option<Name>) {
        self.notes.ends += usize::from(exit.kill_missing);
        let back = Back::of(exit);
        let known = self.exits.entry(((host, exit.incident.clone()), exit.tid)).or_insert(back);
        *known = known.then(back);
    }

    fn agent(&mut self, agent: &Agent, host: Option<&Name>) {
        self.notes.coverage.agent(agent, host);
        if agent.event == AgentEvent::Gap {
            self.notes.gaps += 1;
            self.notes.gap = Some(agent.message.clone());
        }
    }

    fn push(&mut self, incident: Incident, name: &str, record: Record) {
        let index = self.incidents.len();
        let Origin { time_guessed, .. } = record.origin();
        if incident.is_kill() {
            self.notes.coverage.kill(&record, incident.host.as_ref());
        }
        self.notes.guessed += usize::from(time_guessed.is_some());
        self.notes.timeless += usize::from(incident.time.is_none());
        self.by_name.insert((incident.host.clone(), name.to_owned()), index);
        if self.whole > 0 {
            self.full.insert((incident.time, index), Kept::of(record));
            if self.full.len() > self.whole {
                self.full.pop_first();
            }
        }
        self.incidents.push(incident);
    }

    fn text(&mut self, text: Option<&KernelText>) -> Option<Name> {
        text.map(|text| self.name(text.to_string()))
    }

    /// Many records have the same few names.
    fn name(&mut self, text: String) -> Name {
        if let Some(name) = self.names.get(text.as_str()) {
            return name.clone();
        }
        let name = Name::from(text);
        self.names.insert(name.clone());
        name
    }

    /// What they come to, with times as `zone` has them.
    #[must_use]
    pub fn report(self, zone: TimeZone) -> Report {
        let Self {
            whole: _,
            names: _,
            seen: _,
            mut incidents,
            by_name,
            exits,
            full,
            why,
            mut notes,
        } = self;
        // Where there is nothing else, they are what the report is about.
        let are_all_tests = incidents.iter().all(|incident| incident.is_test);
        for incident in &mut incidents {
            incident.is_aside = incident.is_test && !are_all_tests;
        }
        let mut victims = Vec::new();
        for ((on, _), back) in exits {
            if let Some(incident) = by_name.get(&on).and_then(|index| incidents.get_mut(*index)) {
                incident.back = incident.back.max(Some(back));
                victims.extend((!incident.is_aside).then_some(back));
            }
        }
        notes.whole = full.len();
        for ((_, index), full) in full {
            if let Some(incident) = incidents.get_mut(index) {
                incident.full = Some(Box::new(full));
            }
        }
        // The newest first; those without a time behind them.
        incidents.sort_by_key(|it| Reverse((it.time, it.boot_ns)));
        let why = why.into_iter().map(|(on, (_, why))| (on, why)).collect();
        Report::new(incidents, victims, &why, notes, zone)
    }
}

impl Kept {
    fn of(record: Record) -> Self {
        Self { record, others: Vec::new(), more: 0 }
    }

    fn another(&mut self, kill: &OomKill) {
        if self.others.len() == OTHERS {
            self.more += 1;
            return;
        }
        let victim = &kill.victim;
        self.others.push(Other {
            process: victim.comm.as_ref().map(KernelText::to_string),
            pid: victim.pid.unwrap_or(victim.tid),
            held: victim.memory.resident(),
        });
    }
}

/// What all have.
fn incident(record: &Record, host: Option<Name>, what: What) -> Incident {
    let Origin { time, boot_ns, .. } = record.origin();
    Incident {
        id: record.id(),
        time: *time,
        boot_ns: *boot_ns,
        host,
        what,
        process: None,
        pid: None,
        place: None,
        limit: None,
        is_of_limit: false,
        limit_bytes: None,
        held: None,
        is_test: false,
        is_aside: false,
        killed: 0,
        marked: 0,
        back: None,
        full: None,
    }
}
