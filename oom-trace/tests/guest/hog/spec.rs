//! What a hog is and does.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Handed over on the command line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// `comm`, any bytes but NUL.
    pub(crate) name: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) oom_score_adj: i16,
    /// Bytes that it holds before it says that it is ready.
    pub(crate) holds: usize,
    /// Threads beside the first, which do nothing.
    pub(crate) threads: usize,
    /// Threads beside the first which grow as it does.
    pub(crate) growing: usize,
    /// What goes on growing is a second thread, and the first is gone.
    pub(crate) leader_exits: bool,
    /// Processes that share its memory: each has been started, and waits for a writer of the FIFO
    /// before it becomes a program of its own.
    pub(crate) unborn: usize,
    pub(crate) fifo: PathBuf,
    pub(crate) growth: Growth,
}

/// What it takes more and more of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum Growth {
    /// Its own memory.
    #[default]
    Heap,
    /// A file without a name in this folder, until it is told that there is no room.
    File(PathBuf),
    /// Page tables: it looks at a page here and there, and has none of them.
    Tables,
    /// Pipes with room for much, whose books the kernel keeps in blocks of several pages.
    Pipes,
}

pub(crate) fn named(name: &str) -> Spec {
    Spec { name: name.into(), ..Spec::default() }
}
