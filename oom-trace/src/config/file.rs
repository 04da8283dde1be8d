//! The configuration's file: TOML, with the flags' names as keys.

use std::path::PathBuf;

use serde::Deserialize;

use crate::enrich::command::Pattern;
use crate::kernel::attach::{self, Attach};
use crate::render::{Color, Format};
use crate::setting::{ByteSize, ConfigDuration};
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
    pub(super) no_names: bool,
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

fn candidates<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let number = attach::candidates(i64::deserialize(deserializer)?);
    number.map(Some).map_err(serde::de::Error::custom)
}
