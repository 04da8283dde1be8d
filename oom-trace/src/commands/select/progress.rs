//! How far a long file is read, on a terminal.

use std::io::{self, Write as _};

/// A shorter file is read before anybody wonders.
const LONG: u64 = 256 << 20;

/// A line that is written over.
#[derive(Debug)]
pub(super) struct Progress {
    size: u64,
    percent: u64,
}

impl Progress {
    /// Of a file that is long.
    pub(super) fn of(size: u64) -> Option<Self> {
        (size >= LONG).then_some(Self { size, percent: 0 })
    }

    /// So many bytes are read.
    pub(super) fn at(&mut self, read: u64) {
        let percent = read.saturating_mul(100) / self.size;
        if percent <= self.percent {
            return;
        }
        self.percent = percent;
        // Nobody is left to tell that stderr is closed.
        let _ = write!(io::stderr(), "\r\x1b[K{percent}% read");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.percent > 0 {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
