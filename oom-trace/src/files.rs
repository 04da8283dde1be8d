//! Files that somebody names: what one is by its first bytes, and one that is replaced whole; and one of
//! the kernel's.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::SplitAsciiWhitespace;

use rustix::fs::{
    AtFlags, CWD, StatVfs, StatVfsMountFlags, Timespec, Timestamps, UTIME_NOW, utimensat,
};
use rustix::io::Errno;

/// First bytes of a store.
pub(crate) const STORE: &[u8] = b"SQLite format 3\0";

/// Whether there is a file that begins so.
pub(crate) fn is_begun_by(path: &Path, magic: &[u8]) -> bool {
    // To open a FIFO would be to wait for a writer.
    fs::metadata(path).is_ok_and(|there| there.is_file())
        && File::open(path).and_then(|mut file| begins_with(&mut file, magic)).unwrap_or(false)
}

/// Whether a file begins so. It is read from its beginning afterwards. A pipe or a device is no such file:
/// nothing is taken from it.
///
/// # Errors
/// It cannot be read.
pub(crate) fn begins_with(file: &mut File, magic: &[u8]) -> io::Result<bool> {
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    file.take(magic.len() as u64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == magic)
}

/// Of `/proc/PID/stat` the fields from the third of proc_pid_stat(5) on: the name before them may hold
/// anything.
pub(crate) fn stat_fields(stat: &[u8]) -> Option<SplitAsciiWhitespace<'_>> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    Some(str::from_utf8(stat.get(name_end + 1..)?).ok()?.split_ascii_whitespace())
}

/// Whether a file is there, and no store. Of one that may not be read nobody knows.
pub(crate) fn is_other_than_store(path: &Path) -> bool {
    path.is_file() && !is_begun_by(path, STORE) && File::open(path).is_ok()
}

/// Nothing but the agent writes to a store: whatever else is to be written there goes astray.
///
/// # Errors
/// There is a store at this path.
pub(crate) fn spare_store(path: &Path) -> io::Result<()> {
    if is_begun_by(path, STORE) {
        return Err(io::Error::other("it is a store of oom-trace's records; name another file"));
    }
    Ok(())
}

/// From 5.15 on, ext4 takes what is written to a file that was open when its file system became read-only,
/// keeps it in memory alone, and has nothing against `fsync` (`ext4_da_write_begin`, `ext4_sync_file` in
/// fs/ext4, v6.1).
///
/// # Errors
/// It is so: what is written there would not come to a disk.
pub(crate) fn refuse_read_only(file_system: rustix::io::Result<StatVfs>) -> io::Result<()> {
    match file_system {
        Ok(it) if it.f_flag.contains(StatVfsMountFlags::RDONLY) => Err(Errno::ROFS.into()),
        _ => Ok(()),
    }
}

/// Waits while the file system of a file is frozen, as SQLite would, but where it is this thread that waits:
/// SQLite writes into a file that is mapped. Before 6.7 whoever waits in such a fault (`ext4_page_mkwrite`)
/// holds `mmap_lock`, and each thread that maps or touches memory then waits with it.
///
/// # Errors
/// The file system is read-only. What else may be wrong the next write says.
pub(crate) fn await_writable(path: &Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    match utimensat(CWD, path, &times, AtFlags::empty()) {
        Err(Errno::ROFS) => Err(Errno::ROFS.into()),
        _ => Ok(()),
    }
}

/// Writes a file anew, so that a reader finds the old one or the new one, whole. One that is there keeps
/// its mode; a new one gets this one, less where the umask says so.
///
/// # Errors
/// It is a store, or no file can be made beside it. What is there is left as it is.
pub(crate) fn replace(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    spare_store(path)?;
    // A link goes on to lead where it led.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(path).ok().map(|old| old.permissions());
    let scratch = beside(path);
    let written = write_new(&scratch, mode, old, bytes).and_then(|()| fs::rename(&scratch, path));
    if written.is_err() {
        let _ = fs::remove_file(&scratch);
    }
    written
}

/// A name that nobody else gives, and that does not end as collectors want it.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".oom-trace-{}", std::process::id()));
    name.into()
}

fn write_new(path: &Path, mode: u32, old: Option<Permissions>, bytes: &[u8]) -> io::Result<()> {
    // One of this name an earlier process of this id has left.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    if let Some(old) = old {
        file.set_permissions(old)?;
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_where_its_name_leads_and_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        replace(&real, 0o600, b"old").unwrap();
        symlink(&real, &link).unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o604)).unwrap();
        replace(&link, 0o600, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o604);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_replaced_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(replace(&folder, 0o600, b"new").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(replace(&dir.path().join("no/such"), 0o600, b"new").is_err());
    }

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, [STORE, b"more"].concat()).unwrap();
        assert!(is_begun_by(&path, STORE));
        fs::write(&path, b"SQLite").unwrap();
        assert!(!is_begun_by(&path, STORE) && !is_begun_by(dir.path(), STORE));
    }

    #[test]
    fn a_store_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.db");
        fs::write(&path, STORE).unwrap();
        assert!(replace(&path, 0o600, b"new").unwrap_err().to_string().contains("a store"));
        assert_eq!(fs::read(&path).unwrap(), STORE);
    }
}
