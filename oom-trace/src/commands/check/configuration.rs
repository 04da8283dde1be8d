//! The configuration: all that is wrong with its file, and whether its destinations are there. Nothing
//! is created, and an agent that runs with it is not disturbed.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::config::{self, Mistake};
use crate::delivery::SinkStats;
use crate::sink::Status;
use crate::store::Store;
use crate::text::Escaped;

/// A file that was read to its end.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    file: String,
    mistakes: Vec<Mistake>,
}

impl Checked {
    pub(super) fn new(file: &Path, mistakes: Vec<Mistake>) -> Self {
        Self { file: Escaped(file.as_os_str().as_encoded_bytes()).to_string(), mistakes }
    }

    pub(super) fn is_right(&self) -> bool {
        self.mistakes.is_empty()
    }

    pub(super) fn to_lines(&self) -> Vec<String> {
        if self.is_right() {
            return vec![format!("config    {}: ok", self.file)];
        }
        self.mistakes.iter().map(|mistake| format!("config    {mistake}")).collect()
    }

    pub(super) fn summary(&self) -> String {
        match self.mistakes.len() {
            1 => "the configuration has 1 error".to_owned(),
            several => format!("the configuration has {several} errors"),
        }
    }
}

/// A destination, and why records cannot be delivered there.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) name: String,
    pub(super) error: Option<String>,
}

/// Whether somebody is there, for each sink and the store.
pub(super) fn try_destinations(config: &config::Run) -> Vec<Tried> {
    let agent: Arc<dyn Status> = Arc::new(SinkStats::default());
    let sinks = config.sinks.iter().map(|spec| {
        let destination = spec.destination();
        let tried = destination.try_out(&agent);
        Tried { name: destination.name(), error: tried.err().map(|it| it.to_string()) }
    });
    let store = config.store.as_ref().map(|store| {
        let tried = Store::try_out(&store.path);
        let name = format!("store {}", store.path.display());
        Tried { name, error: tried.err().map(|it| it.to_string()) }
    });
    sinks.chain(store).collect()
}

/// A line a destination; what several lack for one reason is told once.
pub(super) fn to_lines(destinations: &[Tried]) -> Vec<String> {
    let mut lines: Vec<(Vec<&str>, &str)> = Vec::new();
    for Tried { name, error } in destinations {
        let said = error.as_deref().unwrap_or("ok");
        match lines.iter_mut().find(|(_, known)| error.is_some() && *known == said) {
            Some((names, _)) => names.push(name),
            None => lines.push((vec![name], said)),
        }
    }
    lines.iter().map(|(names, said)| format!("output    {}: {said}", names.join(", "))).collect()
}
