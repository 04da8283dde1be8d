//! Cgroups, and their paths.

use oom_trace_common::record::{NAME_LEN, PATH_DEPTH, PATHS_LEN};

use super::{load_str, pointer, read};
use crate::maps::LAYOUT;
use crate::records::{PATHS_ROOM, Tally};

/// `struct cgroup`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cgroup(u64);

impl Cgroup {
    pub(super) fn new(address: u64) -> Self {
        Self(address)
    }

    pub(super) fn root(self) -> Option<u64> {
        pointer(self.0, layout!(cgroup_root))
    }

    fn kn(self) -> Option<u64> {
        pointer(self.0, layout!(cgroup_kn))
    }

    /// The inode number of its directory.
    pub(crate) fn id(self) -> Option<u64> {
        read(self.kn()?, layout!(kernfs_id))
    }

    /// The last component of its path, empty for the root.
    pub(crate) fn name(self, target: &mut [u8; NAME_LEN]) -> bool {
        self.kn()
            .and_then(|kn| pointer(kn, layout!(kernfs_name)))
            .and_then(|name| load_str(name, target))
            .is_some()
    }

    /// Writes its path, the leaf first, where the tally ends and moves that end; whether it could.
    ///
    /// It is not if it is deeper than [`PATH_DEPTH`] or longer than the room left.
    pub(crate) fn path(self, paths: &mut [u8; PATHS_ROOM], tally: &mut Tally) -> bool {
        let start = tally.end();
        let written = self.kn().is_some_and(|kn| write_path(kn, paths, tally));
        if !written {
            tally.set_end(start);
        }
        written
    }
}

/// One function, so that the program does not grow with the paths of a record.
#[inline(never)]
fn write_path(leaf: u64, paths: &mut [u8; PATHS_ROOM], tally: &mut Tally) -> bool {
    let mut kn = leaf;
    for _ in 0..PATH_DEPTH {
        let Some(parent) = read::<u64>(kn, layout!(kernfs_parent)) else { return false };
        if parent == 0 {
            return true;
        }
        let end = tally.end();
        if end >= PATHS_LEN as u64 {
            return false;
        }
        let Some(name) = pointer(kn, layout!(kernfs_name)) else { return false };
        let room = paths.get_mut(end as usize & (PATHS_LEN - 1)..);
        let Some(room) = room.and_then(<[u8]>::first_chunk_mut) else { return false };
        let Some(len) = load_str::<NAME_LEN>(name, room) else { return false };
        tally.set_end(end + len as u64);
        kn = parent;
    }
    false
}
