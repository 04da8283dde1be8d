//! Where this system keeps its memory cgroups.

use std::fs;
use std::path::{Path, PathBuf};

use super::TriggerError;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// The two interfaces of the memory controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Version {
    V1,
    V2,
}

/// The mounted hierarchy that has the memory controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Hierarchy {
    pub(in crate::commands) version: Version,
    /// Where it is mounted.
    pub(in crate::commands) mount_point: PathBuf,
    /// Which of its cgroups is mounted there; not `/` in a container.
    pub(in crate::commands) root: PathBuf,
    /// Whether what is counted in a cgroup is counted in those above it, too.
    pub(in crate::commands) counts_upwards: bool,
    read_only: bool,
}

impl Hierarchy {
    /// The one that can be looked at, if there is any.
    pub(in crate::commands) fn seen_here() -> Option<Self> {
        Self::all(&fs::read(MOUNTINFO).ok()?).into_iter().next()
    }

    /// One for a test, with all of it at that place.
    #[cfg(test)]
    pub(in crate::commands) fn of_v2_at(place: &Path) -> Self {
        Self {
            version: Version::V2,
            mount_point: place.to_owned(),
            root: "/".into(),
            counts_upwards: true,
            read_only: false,
        }
    }

    fn all(mountinfo: &[u8]) -> Vec<Self> {
        let mountinfo = String::from_utf8_lossy(mountinfo);
        mountinfo.lines().filter_map(Self::from_mountinfo).filter(Self::has_memory).collect()
    }

    pub(super) fn of_this_system() -> Result<Self, TriggerError> {
        let mountinfo =
            fs::read(MOUNTINFO).map_err(|source| TriggerError::io("read", MOUNTINFO, source))?;
        let mounts = Self::all(&mountinfo);
        let writable = mounts.iter().find(|mount| !mount.read_only);
        match (writable, mounts.first()) {
            (Some(mount), _) => Ok(mount.clone()),
            (None, Some(mount)) => Err(TriggerError::ReadOnly(mount.mount_point.clone())),
            (None, None) => Err(TriggerError::NoMemoryController),
        }
    }

    /// `36 35 0:29 /root /mount/point rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate`, see
    /// proc_pid_mountinfo(5).
    fn from_mountinfo(line: &str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, mount_point, options) = (mount.next()?, mount.next()?, mount.next()?);
        let mut file_system = file_system.split(' ');
        let (kind, super_options) = (file_system.next()?, file_system.nth(1)?);
        let version = match kind {
            "cgroup" if lists(super_options, "memory") => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Self {
            version,
            mount_point: unescape(mount_point),
            root: unescape(root),
            counts_upwards: version == Version::V2 && !lists(super_options, "memory_localevents"),
            read_only: lists(options, "ro") || lists(super_options, "ro"),
        })
    }

    /// Beside a v1 memory hierarchy there may be a v2 one without it.
    fn has_memory(&self) -> bool {
        self.version == Version::V1
            || fs::read_to_string(self.mount_point.join("cgroup.controllers"))
                .is_ok_and(|controllers| names_memory(&controllers))
    }
}

/// Of `cgroup.controllers` and `cgroup.subtree_control`.
pub(super) fn names_memory(controllers: &str) -> bool {
    controllers.split_whitespace().any(|name| name == "memory")
}

fn lists(options: &str, wanted: &str) -> bool {
    options.split(',').any(|option| option == wanted)
}

/// mountinfo writes these four characters, and no others, in octal.
fn unescape(path: &str) -> PathBuf {
    let path = path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n");
    Path::new(&path.replace("\\134", "\\")).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v2_mount_is_found() {
        let line = "42 32 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
        let mount = Hierarchy::from_mountinfo(line).unwrap();
        assert_eq!(mount.version, Version::V2);
        assert_eq!(mount.mount_point, Path::new("/sys/fs/cgroup"));
        assert!(mount.read_only && mount.counts_upwards);
        let local = Hierarchy::from_mountinfo(&format!("{line},memory_localevents")).unwrap();
        assert!(!local.counts_upwards);
    }

    #[test]
    fn of_v1_only_the_memory_hierarchy_counts() {
        let line = |controllers| {
            format!(
                "35 31 0:32 /docker/1f /sys/fs/cgroup/a\\040b rw - cgroup cgroup rw,{controllers}"
            )
        };
        let mount = Hierarchy::from_mountinfo(&line("memory")).unwrap();
        assert_eq!(mount.version, Version::V1);
        assert_eq!(mount.mount_point, Path::new("/sys/fs/cgroup/a b"));
        assert_eq!(mount.root, Path::new("/docker/1f"));
        assert!(!mount.read_only && !mount.counts_upwards);
        assert_eq!(Hierarchy::from_mountinfo(&line("cpu,cpuacct")), None);
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in ["", "1 2 3", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755"] {
            assert_eq!(Hierarchy::from_mountinfo(line), None);
        }
    }
}
