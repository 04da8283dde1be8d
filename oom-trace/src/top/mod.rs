//! `oom-trace top`: the limits that are nearest, who would die now, and kills as they come.
//!
//! `read` looks, a bounded amount at a time, and answers a `sample`; of that and what keys ask for `model`
//! makes what is shown: `rows` of cgroups in an `order`, with their `growth`, and who would die, by
//! `badness`. `view` draws it, on a terminal (`live`) or once as text (`once`). Nothing here needs a running
//! agent; kills come from wherever [`Arrivals`] has them.

mod action;
mod badness;
mod edit;
mod growth;
mod help;
mod keys;
mod kills;
mod live;
mod model;
mod once;
mod order;
mod read;
mod rows;
mod sample;
mod signals;
mod terminal;
mod view;

#[cfg(test)]
mod testdata;

use std::time::Duration;

use thiserror::Error;

pub(crate) use self::kills::{Arrivals, Kills};
pub(crate) use self::live::live;
pub(crate) use self::once::once;
pub(crate) use self::order::Sort;
pub(crate) use self::read::{Mount, Version};
pub(crate) use self::terminal::why_not as why_not_live;

use self::model::Model;
use self::rows::Listing;
use self::sample::Sample;
use crate::near::nearest;
use crate::quote::Quoted;
use crate::sink::PathPattern;
use crate::text::KernelText;

/// What is shown, as the command line has it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// This machine's name.
    pub(crate) host: String,
    /// Between two looks.
    pub(crate) interval: Duration,
    /// Only these cgroups are listed; all where there is none.
    pub(crate) cgroups: Vec<PathPattern>,
    pub(crate) is_tree: bool,
    pub(crate) sort: Sort,
    /// The memory cgroups, if there are any.
    pub(crate) mount: Option<Mount>,
    /// Whether `/proc` hides processes of others from this user.
    pub(crate) hides_processes: bool,
}

impl Settings {
    fn model(&self, kills: Kills) -> Model {
        let Self { host, interval, cgroups, is_tree, sort, mount: _, hides_processes } = self;
        let listing = Listing {
            sort: *sort,
            is_tree: *is_tree,
            patterns: cgroups.clone(),
            ..Listing::default()
        };
        let mut model = Model::new(host.clone(), *interval, listing, kills);
        model.hides_processes = *hides_processes;
        model
    }

    /// After the first look: chooses the cgroup that is asked for, if it is one.
    fn choose(&self, model: &mut Model) -> Result<(), NoCgroup> {
        self.check(model)?;
        model.choose(self.only(&model.sample));
        Ok(())
    }

    /// The one that is asked for: all others that fit are below it.
    fn only(&self, sample: &Sample) -> Option<KernelText> {
        let [pattern] = self.cgroups.as_slice() else { return None };
        let is_first = |path: &&KernelText| pattern.fits(path) && !pattern.fits_above(path);
        let mut found = sample.cgroups.iter().map(|it| &it.path).filter(is_first);
        let first = found.next().filter(|_| !pattern.is_wild())?;
        found.next().is_none().then(|| first.clone())
    }

    /// Whether each cgroup that is asked for was found. What a pattern fits may come while one looks on.
    fn check(&self, model: &Model) -> Result<(), NoCgroup> {
        let cgroups = &model.sample.cgroups;
        let is_missing = |pattern: &&PathPattern| {
            let may_come = model.is_live && pattern.is_wild();
            !may_come && !cgroups.iter().any(|it| pattern.fits(&it.path))
        };
        self.cgroups
            .iter()
            .find(is_missing)
            .map_or(Ok(()), |it| Err(NoCgroup::of(it, &model.sample)))
    }
}

/// A cgroup that is asked for and not there.
#[derive(Debug, Error)]
pub(crate) enum NoCgroup {
    #[error(
        "no memory cgroups are mounted here, so there is no {0}; without --cgroup, top shows the machine"
    )]
    NotMounted(String),
    #[error("there is no cgroup {0}; did you mean {1}?")]
    Misspelt(String, String),
    #[error("there is no cgroup {0}; see which there are with: oom-trace top --once --tree")]
    Unknown(String),
}

impl NoCgroup {
    fn of(pattern: &PathPattern, sample: &Sample) -> Self {
        let asked = Quoted::from(pattern.text()).to_string();
        if sample.cgroups.is_empty() {
            return Self::NotMounted(asked);
        }
        let paths: Vec<_> = sample.cgroups.iter().map(|it| it.path.to_utf8()).collect();
        match nearest(pattern.text(), paths.iter().map(|path| &**path)) {
            Some(path) => Self::Misspelt(asked, Quoted::from(path).to_string()),
            None => Self::Unknown(asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_cgroup_that_is_asked_for_is_chosen_by_path_and_by_name() {
        let only = |patterns: &[&str]| {
            let settings = Settings {
                host: String::new(),
                interval: Duration::ZERO,
                cgroups: patterns.iter().map(|it| it.parse().unwrap()).collect(),
                is_tree: false,
                sort: Sort::default(),
                mount: None,
                hides_processes: false,
            };
            settings.only(&testdata::sample(0)).map(|path| path.to_string())
        };
        for (patterns, chosen) in [
            (&["/system.slice/app.service"][..], Some("/system.slice/app.service")),
            (&["app.service"], Some("/system.slice/app.service")),
            (&["/system.slice"], Some("/system.slice")),
            (&["/system.slice/app*"], None),
            (&["app.service", "nginx.service"], None),
            (&["/"], None),
            (&["nowhere"], None),
        ] {
            assert_eq!(only(patterns).as_deref(), chosen, "{patterns:?}");
        }
    }
}
