//! Cgroups, and their paths.

use oom_trace_common::record::{NAME_LEN, PATH_DEPTH, PATHS_LEN};

use super::{load_str, pointer, read};
use crate::maps::LAYOUT;
use crate::records::Paths;

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

    /// Writes its path behind `start`, the leaf first, and returns where it ends.
    ///
    /// `None` if it is deeper than [`PATH_DEPTH`] or longer than the room left.
    #[inline(always)]
    pub(crate) fn path(self, paths: &mut Paths, start: u32) -> Option<u32> {
        write_path(self.kn()?, paths, start).try_into().ok()
    }
}

/// The end of the path, or a negative number. One function, so that the verifier's work and the
/// program's size do not grow with the paths of a record.
#[inline(never)]
fn write_path(leaf: u64, paths: &mut Paths, start: u32) -> i64 {
    let mut kn = leaf;
    let mut end = start as usize;
    for _ in 0..PATH_DEPTH {
        let Some(parent) = read::<u64>(kn, layout!(kernfs_parent)) else { return -1 };
        if parent == 0 {
            return end as i64;
        }
        if end >= PATHS_LEN {
            return -1;
        }
        let Some(name) = pointer(kn, layout!(kernfs_name)) else { return -1 };
        let room = paths.get_mut(end & (PATHS_LEN - 1)..).and_then(<[u8]>::first_chunk_mut);
        let Some(room) = room else { return -1 };
        let Some(len) = load_str::<NAME_LEN>(name, room) else { return -1 };
        end += len as usize;
        kn = parent;
    }
    -1
}
