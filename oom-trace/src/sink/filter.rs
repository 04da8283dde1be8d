//! Which records a sink gets, or a reader asks for.

mod pattern;
mod place;
#[cfg(test)]
mod tests;
mod words;

use std::collections::VecDeque;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Deserialize;

pub use self::pattern::{ContainerPattern, NamePattern, PathPattern, UnitPattern};
pub use self::place::Whereabouts;
use super::Backfill;
use crate::incident::model::{OomExit, OomKill, Outcome, Record, RecordType, Scope, UserKill};

/// Kills whose end is still awaited by a sink that did not get them.
const REJECTED: usize = 1024;

/// Which kills are wanted: those that fit each list that is not empty. A pattern has `*`, `?` and
/// `[…]`; in a cgroup's path `*` stays within a level and `**` does not, and a path without any stands for all
/// below it. What the agent says of itself
/// always passes, unless the types are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Args)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Only records of this type. A filter given twice matches either value; different filters must all match
    #[arg(long = "type", value_name = "TYPE", value_parser = type_words(), help_heading = "Filters")]
    #[serde(rename = "type")]
    pub types: Vec<RecordType>,
    /// Only kills of this scope, which is where memory ran out: on the machine (global), in a memory cgroup (memcg),
    /// on the NUMA nodes of a cpuset (cpuset) or of a memory policy (mempolicy); or a kill by hand (sysrq)
    #[arg(long, value_parser = scope_words(), help_heading = "Filters")]
    pub scope: Vec<Scope>,
    /// Only kills with this outcome (already_exiting: the victim was exiting by itself and got no signal)
    #[arg(long, value_parser = outcome_words(), help_heading = "Filters")]
    pub outcome: Vec<Outcome>,
    /// Only kills in this cgroup or below it, or at its limit: a path, a name at any depth such as job-4711, or a
    /// pattern such as '/system.slice/*' (* stays within one level, ** does not)
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub cgroup: Vec<PathPattern>,
    /// Only kills in this systemd unit or slice, such as nginx or 'user@*.service'
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub unit: Vec<UnitPattern>,
    /// Only kills in this Kubernetes namespace
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub namespace: Vec<NamePattern>,
    /// Only kills in this pod: NAME, NAMESPACE/NAME, or its uid or the beginning of its uid
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub pod: Vec<NamePattern>,
    /// Only kills in this container: its name, or at least the first four digits of its id
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub container: Vec<ContainerPattern>,
    /// Only kills of processes with this name (comm, which the kernel cuts off after 15 bytes)
    #[arg(long, alias = "process", value_name = "GLOB", help_heading = "Filters")]
    pub comm: Vec<NamePattern>,
    /// Only kills of processes with this user id
    #[arg(long, value_name = "UID", value_parser = uid, help_heading = "Filters")]
    pub uid: Vec<u32>,
    /// Only test kills, by `oom-trace trigger` or `--demo` (true), or only others (false) [default: both]
    #[arg(long, value_name = "BOOL", help_heading = "Filters")]
    pub test: Vec<bool>,
}

/// The kernel does not know names.
fn uid(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "expected a number, as `id -u NAME` prints it")
}

fn words<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = all.iter().map(move |it| name(*it));
    PossibleValuesParser::new(names).try_map(move |word: String| {
        all.iter().copied().find(|it| name(*it) == word).ok_or("unknown word")
    })
}

fn type_words() -> impl TypedValueParser<Value = RecordType> {
    words(RecordType::ALL, RecordType::name)
}

fn scope_words() -> impl TypedValueParser<Value = Scope> {
    words(Scope::ALL, Scope::name)
}

fn outcome_words() -> impl TypedValueParser<Value = Outcome> {
    words(Outcome::ALL, Outcome::name)
}

/// Whether one of a list fits: any does where it is empty; `None` if a record does not tell.
fn one_of<T>(list: &[T], mut fits: impl FnMut(&T) -> Option<bool>) -> Option<bool> {
    if list.is_empty() {
        return Some(true);
    }
    let mut all = Some(false);
    for one in list {
        match fits(one) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all = None,
        }
    }
    all
}

/// Whether all of them hold: one that does not decides, whatever is unknown.
fn all_of(parts: &[Option<bool>]) -> Option<bool> {
    if parts.contains(&Some(false)) {
        return Some(false);
    }
    parts.iter().all(Option::is_some).then_some(true)
}

impl Filter {
    /// Whether a kill fits; `None` if its record does not tell: it may have been one that does.
    #[must_use]
    pub fn fits(&self, kill: &OomKill) -> Option<bool> {
        let Self {
            types,
            scope,
            outcome,
            // The place.
            cgroup: _,
            unit: _,
            namespace: _,
            pod: _,
            container: _,
            comm,
            uid,
            test,
        } = self;
        let victim = &kill.victim;
        let is_called =
            |pattern: &NamePattern| victim.comm.as_ref().map(|it| pattern.fits(&it.to_utf8()));
        all_of(&[
            one_of(types, |it| Some(*it == RecordType::OomKill)),
            one_of(scope, |it| kill.shortage.scope.map(|is| is == *it)),
            one_of(outcome, |it| kill.outcome.map(|is| is == *it)),
            self.fits_place(&Whereabouts::of(kill)),
            one_of(comm, is_called),
            one_of(uid, |it| victim.uid.map(|is| is == *it)),
            one_of(test, |it| Some(kill.is_test() == *it)),
        ])
    }

    /// What another program killed has a name and a cgroup at the most.
    fn takes_user_kill(&self, kill: &UserKill) -> bool {
        let Self {
            types,
            scope,
            outcome,
            cgroup,
            unit,
            namespace,
            pod,
            container,
            comm,
            uid,
            test,
        } = self;
        let (in_namespace, pod_name) = match kill.pod.as_deref().map(|pod| pod.split_once('/')) {
            Some(Some((namespace, name))) => (Some(namespace), Some(name)),
            _ => (None, kill.pod.as_deref()),
        };
        let is_pod = |it: &NamePattern| {
            [kill.pod.as_deref(), pod_name].iter().flatten().any(|name| it.fits(name))
        };
        let holds = [
            one_of(types, |it| Some(*it == RecordType::UserKill)),
            one_of(scope, |_| Some(false)),
            one_of(outcome, |it| Some(*it == Outcome::Killed)),
            one_of(cgroup, |it| kill.cgroup.as_ref().map(|path| it.fits(path))),
            one_of(unit, |it| kill.cgroup.as_ref().map(|path| it.fits_part(path))),
            one_of(namespace, |it| in_namespace.map(|name| it.fits(name))),
            one_of(pod, |it| Some(is_pod(it))),
            one_of(container, |_| Some(false)),
            one_of(comm, |it| kill.comm.as_ref().map(|comm| it.fits(&comm.to_utf8()))),
            one_of(uid, |it| kill.uid.map(|is| is == *it)),
            one_of(test, |it| Some(!it)),
        ];
        all_of(&holds) == Some(true)
    }

    /// Of a panic there is no victim: only its scope is looked at.
    fn takes_panic(&self, kind: RecordType, scope: Option<Scope>) -> bool {
        self.takes_type(kind)
            && (self.scope.is_empty() || scope.is_some_and(|is| self.scope.contains(&is)))
    }

    fn takes_type(&self, kind: RecordType) -> bool {
        self.types.is_empty() || self.types.contains(&kind)
    }
}

/// A filter at work: it remembers whom it rejected, for the end of a victim is told only to those who
/// were told of its kill.
#[derive(Debug)]
pub struct FilterState {
    filter: Filter,
    backfill: Backfill,
    rejected: VecDeque<(String, u32)>,
}

impl FilterState {
    /// With nobody rejected yet.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, backfill: Backfill::All, rejected: VecDeque::new() }
    }

    /// Of those, only what is no backfill where a sink is spared that.
    #[must_use]
    pub fn sparing(self, backfill: Backfill) -> Self {
        Self { backfill, ..self }
    }

    /// Whether it is wanted.
    pub fn takes(&mut self, record: &Record) -> bool {
        match record {
            Record::OomKill(kill) => {
                let is_spared = kill.backfilled && self.backfill == Backfill::Store;
                let whole = !is_spared && self.filter.fits(kill) == Some(true);
                // Who asks for ends alone gets those of the kills that fit otherwise.
                let takes = whole || (!is_spared && self.takes_end_of(kill));
                if !takes {
                    self.leave_out_end_of(kill);
                }
                whole
            }
            Record::OomPanic(panic) => {
                self.filter.takes_panic(RecordType::OomPanic, panic.shortage.scope)
            }
            Record::OomFailed(failed) => {
                self.filter.takes_panic(RecordType::OomFailed, failed.shortage.scope)
            }
            Record::OomExit(exit) => {
                self.filter.takes_type(RecordType::OomExit) && !self.is_rejected(exit)
            }
            Record::UserKill(kill) => self.filter.takes_user_kill(kill),
            Record::Agent(_) => self.filter.takes_type(RecordType::Agent),
        }
    }

    /// Of a kill that was not told, the end is not either.
    pub fn leave_out_end_of(&mut self, kill: &OomKill) {
        if self.rejected.len() >= REJECTED {
            self.rejected.pop_front();
        }
        self.rejected.push_back((kill.incident.clone(), kill.victim.tid));
    }

    fn takes_end_of(&self, kill: &OomKill) -> bool {
        let types = &self.filter.types;
        if !types.contains(&RecordType::OomExit) || types.contains(&RecordType::OomKill) {
            return false;
        }
        let otherwise = Filter { types: Vec::new(), ..self.filter.clone() };
        otherwise.fits(kill) == Some(true)
    }

    fn is_rejected(&self, exit: &OomExit) -> bool {
        self.rejected.iter().any(|(incident, tid)| *tid == exit.tid && *incident == exit.incident)
    }
}
