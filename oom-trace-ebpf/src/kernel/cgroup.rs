//! Cgroups, and their paths.

use oom_trace_common::record::{NAME_LEN, PATH_DEPTH, PATHS_LEN};

use super::{Got, load_str, pointer, read};
use crate::maps::LAYOUT;
use crate::records::{Memory, PATHS_ROOM};

/// `struct cgroup`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cgroup(u64);

impl Cgroup {
    pub(super) fn new(address: u64) -> Self {
        Self(address)
    }

    pub(super) fn root(self) -> u64 {
        pointer(self.0, layout!(cgroup_root))
    }

    /// The number of its hierarchy: 0 for cgroup v2.
    pub(crate) fn hierarchy(self) -> Got<u32> {
        read(self.root(), layout!(root_hierarchy))
    }

    fn kn(self) -> u64 {
        pointer(self.0, layout!(cgroup_kn))
    }

    /// The inode number of its directory.
    pub(crate) fn id(self) -> Got<u64> {
        read(self.kn(), layout!(kernfs_id))
    }

    /// The last component of its path, empty for the root.
    pub(crate) fn name(self, target: &mut [u8; NAME_LEN]) -> u64 {
        load_str(pointer(self.kn(), layout!(kernfs_name)), target).ok
    }

    /// Writes its path, the leaf first, and moves `end` behind it.
    ///
    /// 1, or 0 and nothing written if it cannot be read, is deeper than [`PATH_DEPTH`], or longer
    /// than the room left.
    pub(crate) fn path(
        self,
        paths: &mut [u8; PATHS_ROOM],
        end: &mut Memory,
        whole: &mut Memory,
    ) -> u64 {
        let start = end.get();
        whole.set(0);
        write_path(self.kn(), paths, end, whole);
        let whole = whole.get();
        // Back to the start if it is not whole, without a branch.
        end.set(start + (end.get() - start) * whole);
        whole
    }
}

/// `whole` becomes 1 at the root. One function, so that the program does not grow with the paths of
/// a record; what it found stays in memory, so that the verifier need not follow it further.
#[inline(never)]
fn write_path(leaf: u64, paths: &mut [u8; PATHS_ROOM], end: &mut Memory, whole: &mut Memory) {
    let (to_parent, to_name) = (layout!(kernfs_parent), layout!(kernfs_name));
    let mut kn = leaf;
    for _ in 0..PATH_DEPTH {
        let parent = read::<u64>(kn, to_parent);
        let at = end.get();
        if parent.value == 0 || at >= PATHS_LEN as u64 {
            whole.set(parent.ok * ((at < PATHS_LEN as u64) as u64));
            return;
        }
        let room = paths.get_mut(at as usize & (PATHS_LEN - 1)..);
        let Some(room) = room.and_then(<[u8]>::first_chunk_mut) else { return };
        let name = load_str::<NAME_LEN>(pointer(kn, to_name), room);
        end.set(at + name.value as u64 * name.ok);
        kn = parent.value * name.ok;
    }
}
