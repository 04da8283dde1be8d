//! The path of a program.

use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::{NAME_LEN, PATHS_LEN};

use super::{Mm, load_str, pointer};
use crate::maps::LAYOUT;
use crate::records::{Memory, PATHS_ROOM};

/// Directories, and mounts that are crossed, up to the root.
const DEPTH: u32 = 48;

impl Mm {
    /// Writes the path of its program, the last name first, and moves `end` behind it; 1, or 0 and
    /// nothing written if it cannot be read or is too deep.
    pub(crate) fn exe(
        self,
        paths: &mut [u8; PATHS_ROOM],
        end: &mut Memory,
        whole: &mut Memory,
    ) -> u64 {
        let (file, start) = (self.exe_file(), end.get());
        let (mnt, dentry) = (layout!(file_mnt), layout!(file_dentry));
        whole.set(0);
        write_path(pointer(file, mnt), pointer(file, dentry), paths, end, whole);
        let whole = whole.get();
        end.set(start + (end.get() - start) * whole);
        whole
    }
}

/// From a file up to the root of all its mounts (`prepend_path`, fs/d_path.c).
#[inline(never)]
fn write_path(
    mut mnt: u64,
    mut dentry: u64,
    paths: &mut [u8; PATHS_ROOM],
    end: &mut Memory,
    whole: &mut Memory,
) {
    let (in_mount, name) = (layout!(mount_mnt), layout!(dentry_name));
    if in_mount == ABSENT || name == ABSENT {
        return;
    }
    for _ in 0..DEPTH {
        if dentry == 0 {
            return;
        }
        if dentry == pointer(mnt, layout!(vfsmount_root)) {
            let mount = mnt.wrapping_sub(in_mount as u64);
            let above = pointer(mount, layout!(mount_parent));
            if above == mount || above == 0 {
                whole.set(1);
                return;
            }
            dentry = pointer(mount, layout!(mount_mountpoint));
            mnt = above.wrapping_add(in_mount as u64);
            continue;
        }
        let at = end.get();
        if at >= PATHS_LEN as u64 {
            return;
        }
        let room = paths.get_mut(at as usize & (PATHS_LEN - 1)..);
        let Some(room) = room.and_then(<[u8]>::first_chunk_mut) else { return };
        let written = load_str::<NAME_LEN>(pointer(dentry, name), room);
        end.set(at + written.value as u64 * written.ok);
        dentry = pointer(dentry, layout!(dentry_parent)) * written.ok;
    }
}
