//! Limits of cgroups: which have none, what they add up to, and where one kill ends all.

use std::cmp::Reverse;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::commands::trigger::Version;

/// Cgroups that are looked at; a machine with more has other worries.
const MOST: usize = 20_000;

/// Of those without a limit, so many are told of.
const TOLD: usize = 3;

/// From here on a limit of the first version is none (`PAGE_COUNTER_MAX`).
const NO_LIMIT: u64 = 1 << 60;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cgroups {
    /// Path and anonymous memory of units, pods and containers that nothing limits, largest first.
    pub(super) unlimited: Vec<(Vec<u8>, u64)>,
    /// Those with a limit, of which none above them has one, and the sum of those limits.
    pub(super) limited: u64,
    pub(super) limits_bytes: u64,
    /// Those that are killed as a whole, and one of them.
    pub(super) groups: u64,
    pub(super) one_group: Option<Vec<u8>>,
}

impl Cgroups {
    /// Of the hierarchy that is mounted there.
    pub(super) fn of(mount_point: &Path, version: Version) -> Self {
        let mut walk = Walk { version, found: Self::default(), left: MOST };
        // The root has no limit of its own.
        walk.below(mount_point, b"", Above::default());
        let mut found = walk.found;
        found.unlimited.sort_by_key(|(_, bytes)| Reverse(*bytes));
        found.unlimited.truncate(TOLD);
        found
    }
}

/// What is known of those above.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    is_limited: bool,
    /// One of them is told of, with all that is below it.
    is_told: bool,
}

struct Walk {
    version: Version,
    found: Cgroups,
    left: usize,
}

impl Walk {
    fn below(&mut self, folder: &Path, path: &[u8], above: Above) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        folders.sort_unstable();
        for folder in folders {
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            let name = folder.file_name().unwrap_or_default().as_bytes();
            self.look(&folder, &[path, b"/", name].concat(), above);
        }
    }

    fn look(&mut self, folder: &Path, path: &[u8], mut above: Above) {
        if let Some(limit) = self.limit(folder)
            && !std::mem::replace(&mut above.is_limited, true)
        {
            self.found.limited += 1;
            self.found.limits_bytes = self.found.limits_bytes.saturating_add(limit);
        }
        if text(folder, "memory.oom.group").is_some_and(|value| value.trim() == "1") {
            self.found.groups += 1;
            self.found.one_group.get_or_insert_with(|| path.to_vec());
        }
        if !above.is_limited && !above.is_told && is_a_place(path) {
            // What is below it counts here.
            above.is_told = true;
            self.found.unlimited.extend(self.anonymous(folder).map(|bytes| (path.to_vec(), bytes)));
        }
        self.below(folder, path, above);
    }

    fn limit(&self, folder: &Path) -> Option<u64> {
        let name = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        // `max` is none.
        text(folder, name)?.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
    }

    fn anonymous(&self, folder: &Path) -> Option<u64> {
        let key = match self.version {
            Version::V1 => "total_rss ",
            Version::V2 => "anon ",
        };
        let stat = text(folder, "memory.stat")?;
        stat.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok()
    }
}

/// A unit with processes, a pod, a container: what somebody may give a limit.
fn is_a_place(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // A user's manager has units of its own.
    let is_manager = name.starts_with(b"user@");
    let is_unit = name.ends_with(b".service") || name.ends_with(b".scope");
    let is_pod = memchr::memmem::find(path, b"kubepods").is_some()
        && (name.starts_with(b"pod") || memchr::memmem::find(name, b"-pod").is_some());
    (is_unit && !is_manager) || is_pod
}

fn text(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(root: &Path, path: &str, max: &str, anon: u64, group: &str) {
        let folder = root.join(path);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("memory.max"), format!("{max}\n")).unwrap();
        fs::write(folder.join("memory.stat"), format!("anon {anon}\nfile 7\n")).unwrap();
        fs::write(folder.join("memory.oom.group"), format!("{group}\n")).unwrap();
    }

    #[test]
    fn limits_are_summed_where_they_begin_and_what_has_none_is_found() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        cgroup(root, "system.slice", "max", 90, "0");
        cgroup(root, "system.slice/a.service", "max", 30, "0");
        cgroup(root, "system.slice/b.service", "1000", 60, "1");
        cgroup(root, "system.slice/b.service/inner", "500", 50, "0");
        cgroup(root, "kubepods.slice", "5000", 40, "0");
        cgroup(root, "kubepods.slice/kubepods-pod1.slice", "max", 40, "0");
        cgroup(root, "user.slice/user@1000.service", "max", 40, "0");
        cgroup(root, "user.slice/user@1000.service/app.slice/x.scope", "max", 39, "0");
        let found = Cgroups::of(root, Version::V2);
        let expected = Cgroups {
            unlimited: vec![
                (b"/user.slice/user@1000.service/app.slice/x.scope".to_vec(), 39),
                (b"/system.slice/a.service".to_vec(), 30),
            ],
            limited: 2,
            limits_bytes: 6000,
            groups: 1,
            one_group: Some(b"/system.slice/b.service".to_vec()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_version_has_other_names() {
        let root = tempfile::tempdir().unwrap();
        for (path, limit) in [("a.service", "9223372036854771712"), ("b.service", "4096")] {
            let folder = root.path().join(path);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("memory.limit_in_bytes"), limit).unwrap();
            fs::write(folder.join("memory.stat"), "rss 1\ntotal_rss 12\n").unwrap();
        }
        let found = Cgroups::of(root.path(), Version::V1);
        assert_eq!(found.unlimited, [(b"/a.service".to_vec(), 12)]);
        assert_eq!((found.limited, found.limits_bytes), (1, 4096));
    }
}
