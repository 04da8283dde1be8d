//! The path of a program.

use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::NAME_LEN;

use super::{Mm, load_str, pointer};
use crate::scratch;

/// Directories, and mounts that are crossed, up to the root.
const DEPTH: u32 = 48;

impl Mm {
    /// Writes the path of its program to the texts, the last name first; 1, or 0 and nothing
    /// written if it cannot be read or is too deep.
    pub(crate) fn exe(self) -> u64 {
        write_file_path(self.exe_file())
    }
}

/// From a file up to the root of all its mounts (`prepend_path`, fs/d_path.c).
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_file_path(file: u64) -> u64 {
    let start = scratch::end();
    let (mnt, dentry) = (layout!(file_mnt), layout!(file_dentry));
    let whole = climb(pointer(file, mnt), pointer(file, dentry));
    scratch::keep(start, whole);
    whole
}

/// Whether it came to the root.
#[inline(always)]
fn climb(mut mnt: u64, mut dentry: u64) -> u64 {
    let (in_mount, name) = (layout!(mount_mnt), layout!(dentry_name));
    if in_mount == ABSENT || name == ABSENT {
        return 0;
    }
    for _ in 0..DEPTH {
        if dentry == 0 {
            return 0;
        }
        if dentry == pointer(mnt, layout!(vfsmount_root)) {
            let mount = mnt.wrapping_sub(in_mount as u64);
            let above = pointer(mount, layout!(mount_parent));
            if above == mount || above == 0 {
                return 1;
            }
            dentry = pointer(mount, layout!(mount_mountpoint));
            mnt = above.wrapping_add(in_mount as u64);
            continue;
        }
        if !scratch::has_room() {
            return 0;
        }
        let written = load_str::<NAME_LEN>(pointer(dentry, name), scratch::room());
        scratch::advance(written.value as u64 * written.ok);
        dentry = pointer(dentry, layout!(dentry_parent)) * written.ok;
    }
    0
}
