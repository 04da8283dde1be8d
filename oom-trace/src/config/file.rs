//! The configuration's file: TOML, with the flags' names as keys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::enrich::command::Pattern;
use crate::kernel::attach::{Attach, MOST_CANDIDATES};
use crate::render::{Color, Format};
use crate::setting::{ByteSize, ConfigDuration, advise};
use crate::sink::{Filter, Tables};

/// What it may say; each key as the flag of its name.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    pub(super) attach: Option<Attach>,
    pub(super) btf: Option<PathBuf>,
    #[serde(deserialize_with = "candidates")]
    pub(super) candidates: Option<u8>,
    pub(super) debug: bool,
    pub(super) no_cmdline: bool,
    pub(super) no_redact: bool,
    pub(super) redact: Vec<Pattern>,
    pub(super) console: ConsoleTable,
    pub(super) store: StoreTable,
    pub(super) sink: Tables,
}

/// `[console]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConsoleTable {
    pub(super) enabled: Option<bool>,
    pub(super) format: Option<Format>,
    pub(super) color: Option<Color>,
    pub(super) filter: Filter,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreTable {
    pub(super) enabled: Option<bool>,
    pub(super) path: Option<PathBuf>,
    pub(super) max_age: Option<ConfigDuration>,
    pub(super) max_bytes: Option<ByteSize>,
}

/// What is wrong with it.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// Something in it is not right; line and column are counted from 1.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Where in that.
        column: usize,
        /// What, and what to write.
        message: String,
    },
}

impl ConfigFile {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read, or something in it is not right.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = fs::read_to_string(path)
            .map_err(|error| FileError::Unreadable { path: path.to_owned(), error })?;
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            FileError::Wrong {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.get(start..).map_or(0, |text| text.chars().count()) + 1,
                message: advise(error.message()),
            }
        })
    }
}

fn candidates<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    match u8::try_from(number) {
        Ok(count) if count <= MOST_CANDIDATES => Ok(Some(count)),
        _ => {
            Err(serde::de::Error::custom(format_args!("{number} is not in 0..={MOST_CANDIDATES}")))
        }
    }
}
