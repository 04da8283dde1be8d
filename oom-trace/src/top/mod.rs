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

pub(crate) use self::kills::{Arrivals, Kills};
pub(crate) use self::live::live;
pub(crate) use self::once::once;
pub(crate) use self::order::Sort;
pub(crate) use self::read::{Mount, Version};
pub(crate) use self::terminal::why_not as why_not_live;

use self::model::Model;
use self::rows::Listing;
use crate::sink::PathPattern;

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
}
