//! What the kernel counted in one cgroup: `memory.events` of cgroup v2.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;

use crate::incident::model::OomKill;
use crate::sink::Filter;

/// Where systemd and container runtimes mount it.
const ROOT: &str = "/sys/fs/cgroup";

/// Kills in a cgroup and all below it, since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counter {
    /// Its path.
    pub(super) cgroup: String,
    /// It is at least as old as this.
    pub(super) since: Timestamp,
    /// `oom_kill`.
    pub(super) kills: u64,
}

impl Counter {
    /// That of the only cgroup that is asked for, if it has one.
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        let [cgroup] = filter.cgroup.as_slice() else { return None };
        let cgroup = cgroup.literal()?;
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let is_hierarchical = mounts.lines().any(|line| {
            let mut words = line.split(' ').skip(1);
            let (place, kind, options) = (words.next(), words.next(), words.next());
            (place, kind) == (Some(ROOT), Some("cgroup2"))
                && !options.is_some_and(|it| it.contains("memory_localevents"))
        });
        is_hierarchical.then(|| Self::read(Path::new(ROOT), cgroup)).flatten()
    }

    fn read(root: &Path, cgroup: &str) -> Option<Self> {
        let directory = root.join(cgroup.trim_start_matches('/'));
        // The kernel makes the inode's times when it makes the directory, or later.
        let changed = directory.metadata().ok()?;
        let ns = i32::try_from(changed.ctime_nsec()).ok()?;
        let since = Timestamp::new(changed.ctime(), ns).ok()?;
        let events = fs::read_to_string(directory.join("memory.events")).ok()?;
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()?;
        Some(Self { cgroup: cgroup.trim_end_matches('/').to_owned(), since, kills })
    }

    /// Whether a kill counts in it.
    pub(super) fn has(&self, kill: &OomKill) -> bool {
        let cgroup = kill.victim.cgroup.as_ref();
        cgroup.is_some_and(|cgroup| cgroup.path.is_within(self.cgroup.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::Cgroup;
    use crate::render::fixtures;

    #[test]
    fn kills_below_a_cgroup_count_in_it() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("a.slice/b.service");
        fs::create_dir_all(&directory).unwrap();
        let events = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n";
        fs::write(directory.join("memory.events"), events).unwrap();
        let counter = Counter::read(root.path(), "/a.slice/b.service").unwrap();
        assert_eq!(counter.kills, 3);
        assert!(Timestamp::now().duration_since(counter.since).as_secs() < 3600);
        assert_eq!(Counter::read(root.path(), "/a.slice"), None);
        let mut kill = fixtures::unknown();
        assert!(!counter.has(&kill));
        for (path, is) in [
            ("/a.slice/b.service", true),
            ("/a.slice/b.service/c", true),
            ("/a.slice/b.service2", false),
            ("/a.slice", false),
        ] {
            kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
            assert_eq!(counter.has(&kill), is, "{path}");
        }
    }
}
