//! Cgroups, and their paths.

use oom_trace_common::record::{NAME_LEN, PATH_DEPTH};

use super::{Got, load_str, pointer, read};
use crate::scratch;

/// `struct cgroup`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cgroup(u64);

impl Cgroup {
    pub(super) fn new(address: u64) -> Self {
        Self(address)
    }

    /// One of which the address was kept.
    pub(crate) fn at(address: u64) -> Self {
        Self(address)
    }

    pub(crate) fn address(self) -> u64 {
        self.0
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

    /// Writes its path to the texts, the leaf first.
    ///
    /// 1, or 0 and nothing written if it cannot be read, is deeper than [`PATH_DEPTH`], or longer
    /// than the room left.
    pub(crate) fn path(self) -> u64 {
        write_cgroup_path(self.kn())
    }
}

/// Directories that one call climbs: the verifier checks these once, however deep a path may be.
const STEPS: u32 = 4;

/// From a directory up to the root.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_cgroup_path(leaf: u64) -> u64 {
    let start = scratch::end();
    scratch::set_whole(0);
    let mut kn = leaf;
    for _ in 0..PATH_DEPTH / STEPS {
        kn = climb_cgroups(kn);
        if kn == 0 {
            break;
        }
    }
    scratch::keep_whole(start)
}

/// Some of that way: where it goes on, 0 at its end.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn climb_cgroups(mut kn: u64) -> u64 {
    let (to_parent, to_name) = (layout!(kernfs_parent), layout!(kernfs_name));
    for _ in 0..STEPS {
        let parent = read::<u64>(kn, to_parent);
        if parent.value == 0 {
            scratch::set_whole(parent.ok);
            return 0;
        }
        if !scratch::has_room() {
            return 0;
        }
        let name = load_str::<NAME_LEN>(pointer(kn, to_name), scratch::room());
        scratch::advance(name.value as u64 * name.ok);
        kn = parent.value * name.ok;
    }
    kn
}
