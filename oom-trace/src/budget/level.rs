//! One cgroup: its limits and what it uses.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::path::Path;

/// Version 1 has no word for "no limit": it is this many pages, `PAGE_COUNTER_MAX`
/// (include/linux/page_counter.h), in bytes, and less where pages are larger.
const NO_LIMIT: u64 = 1 << 62;

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `memory.max`: beyond it the OOM killer comes.
    Max,
    /// `memory.high`: beyond it the kernel slows down who allocates.
    High,
    /// `memory.limit_in_bytes`, of version 1: as `memory.max`.
    V1,
}

impl Kind {
    /// Whether the OOM killer comes beyond it.
    #[must_use]
    pub fn kills(self) -> bool {
        matches!(self, Self::Max | Self::V1)
    }

    fn file(self) -> &'static str {
        match self {
            Self::Max => "memory.max",
            Self::High => "memory.high",
            Self::V1 => "memory.limit_in_bytes",
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.file())
    }
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Which.
    pub kind: Kind,
    /// Bytes.
    pub bytes: u64,
}

/// The files of one cgroup, open.
#[derive(Debug)]
pub(super) struct Level {
    path: String,
    limits: Vec<(Kind, File)>,
    used: File,
    stat: Option<File>,
    /// What its memory.stat calls file pages that can be dropped or written back.
    reclaimable: [&'static [u8]; 2],
}

/// Room for a memory.stat, which has some sixty lines.
#[derive(Debug)]
pub(super) struct Stat(Box<[u8]>);

impl Default for Stat {
    fn default() -> Self {
        Self(vec![0; 16 << 10].into())
    }
}

impl Level {
    /// `None` where memory is not counted: at the root, and where the controller is off.
    pub(super) fn open(path: &str, dir: &Path, is_v2: bool) -> Option<Self> {
        let open = |name: &str| File::open(dir.join(name)).ok();
        // Of version 1, what is below counts as well under names of its own.
        let (kinds, used, reclaimable): (&[Kind], _, [&[u8]; 2]) = if is_v2 {
            let reclaimable: [&[u8]; 2] = [b"inactive_file ", b"active_file "];
            (&[Kind::Max, Kind::High], "memory.current", reclaimable)
        } else {
            let reclaimable: [&[u8]; 2] = [b"total_inactive_file ", b"total_active_file "];
            (&[Kind::V1], "memory.usage_in_bytes", reclaimable)
        };
        let limits = kinds.iter().filter_map(|&kind| Some((kind, open(kind.file())?)));
        let limits: Vec<_> = limits.collect();
        let used = open(used).filter(|_| !limits.is_empty())?;
        Some(Self { path: path.to_owned(), limits, used, stat: open("memory.stat"), reclaimable })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Those that are set.
    pub(super) fn limits(&self) -> impl Iterator<Item = Limit> {
        self.limits.iter().filter_map(|(kind, file)| {
            let bytes = number(file)?;
            (bytes < NO_LIMIT).then_some(Limit { kind: *kind, bytes })
        })
    }

    pub(super) fn used(&self) -> Option<u64> {
        number(&self.used)
    }

    /// Bytes of files that are cached.
    pub(super) fn reclaimable(&self, stat: &mut Stat) -> u64 {
        let Some(file) = &self.stat else { return 0 };
        let Some(text) = read(file, &mut stat.0) else { return 0 };
        let values = text.split(|&byte| byte == b'\n').filter_map(|line| {
            let value = self.reclaimable.iter().find_map(|name| line.strip_prefix(*name))?;
            parse(value)
        });
        values.sum()
    }
}

/// From the start of the file; the kernel makes its text anew for each read there.
fn read<'a>(file: &File, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let count = rustix::io::pread(file, &mut *room, 0).ok()?;
    room.get(..count)
}

/// `None` for `max` and whatever else is no number.
fn number(file: &File) -> Option<u64> {
    parse(read(file, &mut [0; 32])?)
}

fn parse(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_ascii().parse().ok()
}
