//! What the kernel counted in one cgroup: `memory.events` of cgroup v2, `memory.oom_control` of v1.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;

use super::super::trigger::{Hierarchy, Version};
use crate::incident::model::OomKill;
use crate::sink::Filter;

/// Kills in a cgroup, since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counter {
    /// Its path.
    pub(super) cgroup: String,
    /// The file that has the count.
    pub(super) file: &'static str,
    /// Kills below it count in it, too.
    pub(super) has_those_below: bool,
    /// It is at least as old as this.
    pub(super) since: Timestamp,
    /// `oom_kill`.
    pub(super) kills: u64,
}

impl Counter {
    /// That of the only cgroup that is asked for, if it has one.
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        let [cgroup] = filter.cgroup.as_slice() else { return None };
        let hierarchy = Hierarchy::seen_here().filter(|it| it.root == Path::new("/"))?;
        Self::read(&hierarchy, cgroup.literal()?)
    }

    fn read(hierarchy: &Hierarchy, cgroup: &str) -> Option<Self> {
        let directory = hierarchy.mount_point.join(cgroup.trim_start_matches('/'));
        // The kernel makes the inode's times when it makes the directory, or later.
        let changed = directory.metadata().ok()?;
        let ns = i32::try_from(changed.ctime_nsec()).ok()?;
        let since = Timestamp::new(changed.ctime(), ns).ok()?;
        let file = match hierarchy.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let events = fs::read_to_string(directory.join(file)).ok()?;
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()?;
        Some(Self {
            cgroup: cgroup.trim_end_matches('/').to_owned(),
            file,
            has_those_below: hierarchy.counts_upwards,
            since,
            kills,
        })
    }

    /// Whether a kill counts in it.
    pub(super) fn has(&self, kill: &OomKill) -> bool {
        let cgroup = kill.victim.cgroup.as_ref();
        cgroup.is_some_and(|cgroup| match self.has_those_below {
            true => cgroup.path.is_within(self.cgroup.as_bytes()),
            false => cgroup.path.as_bytes() == self.cgroup.as_bytes(),
        })
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
        let hierarchy = Hierarchy::of_v2_at(root.path());
        let counter = Counter::read(&hierarchy, "/a.slice/b.service").unwrap();
        assert_eq!((counter.kills, counter.file), (3, "memory.events"));
        assert!(Timestamp::now().duration_since(counter.since).as_secs() < 3600);
        assert_eq!(Counter::read(&hierarchy, "/a.slice"), None);
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

    #[test]
    fn of_v1_only_kills_in_the_cgroup_itself_count_in_it() {
        let root = tempfile::tempdir().unwrap();
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
        fs::write(root.path().join("memory.oom_control"), control).unwrap();
        let mut hierarchy = Hierarchy::of_v2_at(root.path());
        (hierarchy.version, hierarchy.counts_upwards) = (Version::V1, false);
        let counter = Counter::read(&hierarchy, "/").unwrap();
        assert_eq!((counter.kills, counter.file), (2, "memory.oom_control"));
        let counter = Counter { cgroup: "/a".to_owned(), ..counter };
        let mut kill = fixtures::unknown();
        for (path, is) in [("/a", true), ("/a/b", false)] {
            kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
            assert_eq!(counter.has(&kill), is, "{path}");
        }
    }
}
