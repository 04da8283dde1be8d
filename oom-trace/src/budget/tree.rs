//! Where the cgroup of this process is, and those above it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::level::Level;

/// This process's cgroup, and each above it that can be seen from here.
pub(super) fn levels(cgroup: &str, mountinfo: &str) -> Vec<Level> {
    let Some((own, is_v2)) = own_path(cgroup) else { return Vec::new() };
    let mounts = mountinfo.lines().filter_map(|line| mount(line, is_v2));
    // One whose root this cgroup is below; of several, the closest.
    let below = mounts.filter_map(|(root, point)| {
        let rest = Path::new(own).strip_prefix(&root).ok()?;
        Some((root.components().count(), rest.to_owned(), point))
    });
    let Some((_, rest, point)) = below.max_by_key(|(depth, ..)| *depth) else {
        return Vec::new();
    };
    // What is above the mount's root has a name, too, but nobody can look there.
    let up = own.len().saturating_sub(rest.as_os_str().len());
    let above = own.get(..up).unwrap_or_default();
    let named = rest.ancestors().map(|rest| (format!("{above}{}", rest.display()), rest));
    let levels = named.filter_map(|(name, rest)| {
        let name = if name.len() > 1 { name.trim_end_matches('/') } else { "/" };
        Level::open(name, &point.join(rest), is_v2)
    });
    levels.collect()
}

/// The path of /proc/PID/cgroup in the hierarchy that counts memory, and whether that is version 2.
fn own_path(cgroup: &str) -> Option<(&str, bool)> {
    let lines = || {
        cgroup.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            Some((parts.next()?, parts.next()?, parts.next()?))
        })
    };
    let v1 = lines()
        .find(|(_, controllers, _)| controllers.split(',').any(|name| name == "memory"))
        .map(|(_, _, path)| (path, false));
    v1.or_else(|| lines().find(|(id, ..)| *id == "0").map(|(_, _, path)| (path, true)))
}

/// Root and mount point, of a line of /proc/PID/mountinfo, if that hierarchy is mounted there.
fn mount(line: &str, is_v2: bool) -> Option<(PathBuf, PathBuf)> {
    let (mounted, file_system) = line.split_once(" - ")?;
    let mut file_system = file_system.split(' ');
    let (kind, options) = (file_system.next()?, file_system.nth(1)?);
    let is_it = match kind {
        "cgroup2" => is_v2,
        "cgroup" => !is_v2 && options.split(',').any(|option| option == "memory"),
        _ => false,
    };
    let mut fields = mounted.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    is_it.then(|| (unescape(root), unescape(point)))
}

/// Blanks and the like stand there as three octal digits after a backslash.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\');
        let code = digits.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 8).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    OsString::from_vec(bytes).into()
}
