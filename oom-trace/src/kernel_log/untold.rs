//! Lines that speak of an OOM kill and came into no record: a reader must not be told that there was
//! none.

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
}

impl Mention {
    pub(super) fn new(line: u64, text: &[u8]) -> Self {
        let text = text.trim_ascii();
        let text = KernelText::from(text.get(..SHOWN).unwrap_or(text));
        Self { line, text, unended: false }
    }
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
