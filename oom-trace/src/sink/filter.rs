//! Which records a sink gets.

use std::collections::VecDeque;

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, de};

use crate::incident::model::{OomExit, OomKill, Record, Scope};
use crate::text::KernelText;

/// Kills whose end is still awaited by a sink that did not get them.
const REJECTED: usize = 1024;

/// Which kills a sink gets: those that fit each list that is not empty. A pattern has `*`, `?` and
/// `[…]`; in a cgroup's path `*` stays within a level and `**` does not. What the agent says of itself
/// always passes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Whose memory ran out.
    pub scope: Vec<Scope>,
    /// The victim's cgroup, or that of the limit.
    pub cgroup: Vec<PathPattern>,
    /// The victim's `comm`.
    pub comm: Vec<NamePattern>,
    /// The victim's uid.
    pub uid: Vec<u32>,
}

/// A pattern for a cgroup's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(Matcher);

/// A pattern for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(Matcher);

#[derive(Debug, Clone)]
struct Matcher(GlobMatcher);

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.0.glob() == other.0.glob()
    }
}

impl Eq for Matcher {}

impl Matcher {
    fn fits(&self, text: &KernelText) -> bool {
        self.0.is_match(&*text.to_utf8())
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, in_levels: bool) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let glob: Result<Glob, _> = GlobBuilder::new(&text).literal_separator(in_levels).build();
        glob.map(|glob| Self(glob.compile_matcher())).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Matcher::read(deserializer, true).map(Self)
    }
}

impl<'de> Deserialize<'de> for NamePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Matcher::read(deserializer, false).map(Self)
    }
}

impl Filter {
    fn takes(&self, kill: &OomKill) -> bool {
        let Self { scope, cgroup, comm, uid } = self;
        let any = |list: &[Scope], is: Option<Scope>| {
            list.is_empty() || is.is_some_and(|is| list.contains(&is))
        };
        let victim = &kill.victim;
        let paths = [
            victim.cgroup.as_ref().map(|cgroup| &cgroup.path),
            kill.shortage.limit.as_ref().and_then(|limit| limit.cgroup.as_ref()),
        ];
        let in_cgroup = |PathPattern(pattern): &PathPattern| {
            paths.into_iter().flatten().any(|path| pattern.fits(path))
        };
        let is_called = |NamePattern(pattern): &NamePattern| {
            victim.comm.as_ref().is_some_and(|comm| pattern.fits(comm))
        };
        any(scope, kill.shortage.scope)
            && (cgroup.is_empty() || cgroup.iter().any(in_cgroup))
            && (comm.is_empty() || comm.iter().any(is_called))
            && (uid.is_empty() || victim.uid.is_some_and(|is| uid.contains(&is)))
    }

    /// Of a panic there is no victim: only its scope is looked at.
    fn takes_panic(&self, scope: Option<Scope>) -> bool {
        self.scope.is_empty() || scope.is_some_and(|is| self.scope.contains(&is))
    }
}

/// A filter at work: it remembers whom it rejected, for the end of a victim is told only to those who
/// were told of its kill.
#[derive(Debug)]
pub struct FilterState {
    filter: Filter,
    rejected: VecDeque<(String, u32)>,
}

impl FilterState {
    /// With nobody rejected yet.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, rejected: VecDeque::new() }
    }

    /// Whether the sink gets it.
    pub fn takes(&mut self, record: &Record) -> bool {
        match record {
            Record::OomKill(kill) => {
                let takes = self.filter.takes(kill);
                if !takes {
                    if self.rejected.len() >= REJECTED {
                        self.rejected.pop_front();
                    }
                    self.rejected.push_back((kill.incident.clone(), kill.victim.tid));
                }
                takes
            }
            Record::OomPanic(panic) => self.filter.takes_panic(panic.shortage.scope),
            Record::OomFailed(failed) => self.filter.takes_panic(failed.shortage.scope),
            Record::OomExit(exit) => !self.is_rejected(exit),
            Record::UserKill(_) | Record::Agent(_) => true,
        }
    }

    fn is_rejected(&self, exit: &OomExit) -> bool {
        self.rejected.iter().any(|(incident, tid)| *tid == exit.tid && *incident == exit.incident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    fn passed(filter: &str) -> Vec<&'static str> {
        let mut filter = FilterState::new(toml::from_str(filter).unwrap());
        let all = fixtures::all().into_iter();
        all.filter(|(_, record)| filter.takes(record)).map(|(name, _)| name).collect()
    }

    #[test]
    fn an_empty_filter_takes_all() {
        assert_eq!(passed("").len(), fixtures::all().len());
    }

    #[test]
    fn what_fits_no_pattern_is_left_out_and_its_end_too() {
        let (_, Record::OomKill(kill)) = &fixtures::all()[0] else { panic!() };
        let comm = kill.victim.comm.as_ref().unwrap().to_utf8().into_owned();
        let path = kill.victim.cgroup.as_ref().unwrap().path.to_utf8().into_owned();
        let first = fixtures::all()[0].0;
        let start: String = comm.chars().take(3).collect();
        for filter in [
            format!("comm = [\"{start}*\"]"),
            format!("cgroup = [{path:?}]"),
            "cgroup = [\"/**\"]".to_owned(),
            format!("uid = [{}]", kill.victim.uid.unwrap()),
            format!("scope = [\"{}\"]", kill.shortage.scope.unwrap().name()),
        ] {
            assert!(passed(&filter).contains(&first), "{filter}");
        }
        for filter in ["comm = [\"nobody\"]", "cgroup = [\"/nowhere/*\"]", "uid = [4242]"] {
            let passed = passed(filter);
            assert!(!passed.contains(&first), "{filter}: {passed:?}");
        }
        let mut filter = FilterState::new(toml::from_str("comm = [\"nobody\"]").unwrap());
        let exit = fixtures::all().into_iter().find_map(|(_, record)| match record {
            Record::OomExit(exit) => Some(*exit),
            _ => None,
        });
        let mut kill = kill.clone();
        let exit = exit.unwrap();
        (kill.incident, kill.victim.tid) = (exit.incident.clone(), exit.tid);
        let exit = Record::OomExit(Box::new(exit));
        assert!(filter.takes(&exit));
        assert!(!filter.takes(&Record::OomKill(kill)));
        assert!(!filter.takes(&exit));
    }
}
