//! Lines that speak of an OOM kill and came into no record: a reader must not be told that there was
//! none.

use super::scan::find;
use crate::text::KernelText;

/// How much of a line is shown.
const SHOWN: usize = 160;

/// A line that speaks of an OOM kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Its number, from 1.
    pub line: u64,
    /// Its beginning.
    pub text: KernelText,
    /// Whether it was understood: an OOM whose end is not in the log.
    pub unended: bool,
    /// Whether it is of what this program prints for people, of which too little can be read back.
    pub is_ours: bool,
}

impl Mention {
    pub(super) fn new(line: u64, text: &[u8]) -> Self {
        let text = text.trim_ascii();
        let is_ours = is_ours(text);
        let text = KernelText::from(text.get(..SHOWN).unwrap_or(text));
        Self { line, text, unended: false, is_ours }
    }
}

/// How `render` begins a kill in the formats `text` and `compact`.
pub(super) const OURS: [&str; 2] = ["OOM KILL  ", "OOM-KILL comm="];

pub(super) fn is_ours(text: &[u8]) -> bool {
    OURS.iter().any(|words| find(text, words.as_bytes()).is_some())
}

/// All such lines of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untold {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: Option<Mention>,
}

impl Untold {
    pub(super) fn add_all(&mut self, other: &Self) {
        self.add(other.count, other.first.clone());
    }

    pub(super) fn add(&mut self, count: u64, first: Option<Mention>) {
        let Some(mention) = first.filter(|_| count > 0) else { return };
        self.count += count;
        if self.first.as_ref().is_none_or(|known| mention.line < known.line) {
            self.first = Some(mention);
        }
    }
}
