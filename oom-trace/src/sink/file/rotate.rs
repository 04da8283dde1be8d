//! When a file is full or old, and what becomes of it: `path.1` is the newest of the old ones.

use std::fs::{self, Metadata};
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::setting::{ByteSize, ConfigDuration};

/// `rotate = { … }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// No file is larger, but for one that holds a single record.
    pub max_bytes: Option<ByteSize>,
    /// No file holds records for longer.
    pub max_age: Option<ConfigDuration>,
    /// How many old ones stay.
    #[serde(default = "a_week")]
    pub keep: NonZeroU32,
}

fn a_week() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(6)
}

impl Rotate {
    /// Whether a file is to be put away before so many bytes are added to it.
    pub(super) fn is_due(&self, file: &Metadata, more: usize) -> bool {
        let Self { max_bytes, max_age, keep: _ } = self;
        let is_full = max_bytes.is_some_and(|ByteSize(most)| file.len() + more as u64 > most);
        let age = || file.created().ok()?.elapsed().ok();
        let is_old =
            max_age.is_some_and(|ConfigDuration(most)| age().is_some_and(|age| age >= most));
        file.is_file() && file.len() > 0 && (is_full || is_old)
    }

    /// Makes room for a new file of this name.
    ///
    /// # Errors
    /// A file cannot be renamed. Those before it are.
    pub(super) fn put_away(&self, path: &Path) -> io::Result<()> {
        let numbered = |number: u32| -> PathBuf {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            name.into()
        };
        for number in (1..self.keep.get()).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(path, numbered(1))
    }
}
