//! A message that is not whole yet.

use super::message::TASKS_IN;
use super::scan::{Names, has};
use super::{Entry, Stamp};

/// Lines that a message may be spread over: a name has 15 bytes, and each may be a line feed.
const MAX_PARTS: u32 = 16;

/// Lines of others that may stand between two parts of a message.
const MAX_BETWEEN: u32 = 64;

/// What there is of it.
#[derive(Debug)]
pub(super) struct Begun {
    text: Vec<u8>,
    /// Its first line alone, which may be all there is.
    first: Vec<u8>,
    stamp: Stamp,
    caller: Option<super::Caller>,
    host: Option<String>,
    boot_id: Option<String>,
    names: Names,
    cut: bool,
    line: u64,
    parts: u32,
    between: u32,
}

impl Begun {
    pub(super) fn new(entry: &Entry<'_>, line: u64) -> Self {
        Self {
            text: entry.text.to_vec(),
            first: entry.text.to_vec(),
            stamp: entry.stamp,
            caller: entry.caller,
            host: entry.host.map(Into::into),
            boot_id: entry.boot_id.map(Into::into),
            names: entry.names,
            cut: entry.cut,
            line,
            parts: 1,
            between: 0,
        }
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Its first line, as it came.
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            stamp: self.stamp,
            caller: self.caller,
            host: self.host.as_deref(),
            boot_id: self.boot_id.as_deref(),
            names: self.names,
            cut: self.cut,
            text: &self.first,
        }
    }

    /// Whether its first line names a kill.
    pub(super) fn says_enough(&self) -> bool {
        has(&self.first, b"Killed process ")
    }

    /// Whether its first line speaks of a cgroup's tasks: that they are to be killed, or, before 5.1, whose
    /// limit was hit.
    pub(super) fn is_of_tasks(&self) -> bool {
        self.first.starts_with(TASKS_IN)
    }

    /// In which ways it may go on with this line.
    fn ways(&self, entry: &Entry<'_>) -> [Option<&'static [u8]>; 2] {
        // Of a line that lost its stamp nobody knows whether a line feed in a name ended it.
        let is_stamped = self.stamp != Stamp::default() || entry.stamp == Stamp::default();
        let is_rest = (is_stamped || entry.names == Names::Exact)
            && match entry.text.first() {
                Some(b',') => self.text.starts_with(b"oom-kill:"),
                Some(b'/') => self.text.starts_with(b"oom-kill:") || self.is_of_tasks(),
                Some(b' ') => self.is_of_tasks(),
                _ => false,
            };
        // A line feed in a printed name: the lines of a message have its stamp, or none.
        let is_line = entry.names == Names::Printed
            && (self.stamp == entry.stamp || entry.stamp == Stamp::default());
        [is_line.then_some(&b"\n"[..]), is_rest.then_some(&b""[..])]
    }

    /// What it would be with this line.
    pub(super) fn with(&self, entry: &Entry<'_>) -> Vec<Vec<u8>> {
        let joined = |between: &[u8]| [&self.text, between, entry.text].concat();
        self.ways(entry).into_iter().flatten().map(joined).collect()
    }

    /// Adds this line, or counts it as another's: whether it was added; `None` if there is no more hope.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Option<bool> {
        let way = self.ways(entry).into_iter().flatten().next_back();
        let is_added = way.is_some();
        match way {
            Some(between) => {
                self.text = [&self.text, between, entry.text].concat();
                self.parts += 1;
            }
            None => self.between += 1,
        }
        (self.parts < MAX_PARTS && self.between < MAX_BETWEEN).then_some(is_added)
    }
}
