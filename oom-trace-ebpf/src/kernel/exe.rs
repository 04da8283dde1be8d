//! The path of a program.

use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::NAME_LEN;

use super::{Mm, load_str, pointer};
use crate::scratch::{self, Word};

/// Directories, and mounts that are crossed, up to the root.
const DEPTH: u32 = 48;

/// Those that one call climbs: the verifier checks these once.
const STEPS: u32 = 4;

impl Mm {
    /// Writes the path of its program to the texts, the last name first; 1, or 0 and nothing
    /// written if it cannot be read or is too deep.
    pub(crate) fn exe(self) -> u64 {
        write_file_path(self.exe_file())
    }
}

/// Where the way of [`write_file_path`] is: a `struct vfsmount`.
static MOUNT: Word = Word::zero();

/// From a file up to the root of all its mounts (`prepend_path`, fs/d_path.c).
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_file_path(file: u64) -> u64 {
    let start = scratch::end();
    scratch::set_whole(0);
    MOUNT.set(pointer(file, layout!(file_mnt)));
    let mut dentry = pointer(file, layout!(file_dentry));
    for _ in 0..DEPTH / STEPS {
        dentry = climb_directories(dentry);
        if dentry == 0 {
            break;
        }
    }
    scratch::keep_whole(start)
}

/// Some of that way: where it goes on, 0 at its end.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn climb_directories(mut dentry: u64) -> u64 {
    let (in_mount, name) = (layout!(mount_mnt), layout!(dentry_name));
    if in_mount == ABSENT || name == ABSENT {
        return 0;
    }
    for _ in 0..STEPS {
        let mnt = MOUNT.get();
        if dentry == pointer(mnt, layout!(vfsmount_root)) {
            let mount = mnt.wrapping_sub(in_mount as u64);
            let above = pointer(mount, layout!(mount_parent));
            if above == mount || above == 0 {
                scratch::set_whole((dentry != 0) as u64);
                return 0;
            }
            dentry = pointer(mount, layout!(mount_mountpoint));
            MOUNT.set(above.wrapping_add(in_mount as u64));
            continue;
        }
        if dentry == 0 || !scratch::has_room() {
            return 0;
        }
        let written = load_str::<NAME_LEN>(pointer(dentry, name), scratch::room());
        scratch::advance(written.value as u64 * written.ok);
        dentry = pointer(dentry, layout!(dentry_parent)) * written.ok;
    }
    dentry
}
