//! News of sinks and of the store, for people.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use crate::sink::SinkError;
use crate::store::StoreError;
use crate::units::Counted;

/// Told on the thread that it happened on, which it may block.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report<'a> {
    /// The first failure after a success. Records that fail in the same way after it are counted
    /// and not told one by one.
    Failing {
        /// [`crate::sink::Sink::name`].
        sink: &'a str,
        /// What it said.
        error: &'a SinkError,
        /// Whether it is tried again with the same records.
        again: bool,
    },
    /// Records that it is to get next are in the store alone, and cannot be read there. It is tried again.
    Unreadable {
        /// [`crate::sink::Sink::name`].
        sink: &'a str,
        /// What was said of the store.
        error: &'a StoreError,
    },
    /// It takes records again, or it has caught up with what it could still have.
    Recovered {
        /// [`crate::sink::Sink::name`].
        sink: &'a str,
        /// Records lost meanwhile.
        lost: u64,
        /// Records that came without details, for want of room in memory.
        shrunk: u64,
    },
    /// Records are not saved.
    StoreFailing {
        /// What it said.
        error: &'a StoreError,
    },
    /// Records are not saved, and nobody knows why: the disk does not respond.
    StoreStalled,
    /// Something of the store that people should know.
    Store {
        /// In a sentence.
        said: String,
    },
}

/// How it goes on without the store.
const FROM_MEMORY: &str = "; outputs are served from memory until it works again";

/// Who is told.
pub type Reporter = Arc<dyn Fn(Report<'_>) + Send + Sync>;

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failing { sink, error, again } => {
                let again = if *again { "; will retry" } else { "" };
                write!(f, "output {sink}: {error}{again}")
            }
            Self::Unreadable { sink, error } => {
                write!(f, "output {sink}: {error}; records that only the store has wait")
            }
            Self::Recovered { sink, lost, shrunk } => {
                write!(f, "output {sink}: works again")?;
                if *lost > 0 {
                    write!(f, "; {} lost meanwhile", Counted(*lost, "record"))?;
                }
                if *shrunk > 0 {
                    let records = Counted(*shrunk, "record");
                    write!(f, "; {records} shortened because memory was full")?;
                }
                Ok(())
            }
            Self::StoreFailing { error } => write!(f, "store: {error}{FROM_MEMORY}"),
            Self::StoreStalled => write!(f, "store: the disk does not respond{FROM_MEMORY}"),
            Self::Store { said } => write!(f, "store: {said}"),
        }
    }
}
