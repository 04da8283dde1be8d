//! What is wrong with flags and file together, all of it.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use thiserror::Error;

use crate::text::harmless;

/// The exit status of wrong usage, as clap has it; a configuration is a part of it.
pub const USAGE: u8 = 2;

/// Before a further line of what is said of one mistake.
const FURTHER: &str = "\n    ";

/// One thing that is wrong: where, what, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Where in the file; `None` for a flag, and for a file that cannot be read.
    #[serde(flatten)]
    pub at: Option<At>,
    /// What, and what to write.
    pub message: String,
}

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct At {
    /// As it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The key there, such as `sink.file[0].format`, numbered from 0.
    pub key: String,
}

/// All mistakes, a line each.
#[derive(Debug, Error)]
#[error("{}", lines(.0))]
pub struct ConfigError(pub Vec<Mistake>);

impl Mistake {
    /// What was said of the file may have a piece of it, which is shown and does not act. Its further lines
    /// look like no mistake of their own.
    pub(super) fn new(at: Option<At>, message: &str) -> Self {
        Self { at, message: harmless(message).replace('\n', FURTHER) }
    }

    pub(super) fn line(&self) -> Option<usize> {
        self.at.as_ref().map(|at| at.line)
    }

    /// Whether it is of a key in the table that stands there; the only one of its kind has no number.
    pub(super) fn is_within(&self, table: &At) -> bool {
        let names = [table.key.as_str(), table.key.strip_suffix("[0]").unwrap_or(&table.key)];
        let key = self.at.as_ref().map_or("", |at| &at.key);
        names.iter().any(|name| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(At { file, line, column, key: _ }) = &self.at {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}
