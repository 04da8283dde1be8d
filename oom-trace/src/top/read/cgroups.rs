//! All memory cgroups, at a pace that costs little: what is looked at in one round is bounded, however many
//! there are.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::level::{self, Buffer, Version};
use crate::text::KernelText;
use crate::top::sample::{Cgroup, parent};

/// Cgroups that are kept; a machine with more has other worries.
const MOST: usize = 20_000;

/// Cgroups of which the usage is read in one round, and whose folder is asked for new ones.
const USAGES: usize = 1024;
const LOOKS: usize = 512;

/// Cgroups of which all else is read in one round, besides those that are on the screen and those that
/// are nearest to their limit.
const WHOLE: usize = 48;
const NEAREST: usize = 24;

/// Where the memory controller's hierarchy is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    /// Which of its cgroups is mounted there, as `/proc/PID/cgroup` names it: `/` but in containers.
    pub(crate) root: PathBuf,
    pub(crate) version: Version,
}

impl Mount {
    /// A path of `/proc/PID/cgroup` from the root that can be seen; `None` of what cannot.
    pub(super) fn path(&self, path: &[u8]) -> Option<KernelText> {
        let root = self.root.as_os_str().as_bytes();
        match path.strip_prefix(root.strip_suffix(b"/").unwrap_or(root))? {
            b"" => Some(KernelText::from(b"/")),
            below if below.starts_with(b"/") => Some(below.into()),
            _ => None,
        }
    }
}

/// One that is known.
#[derive(Debug)]
struct Node {
    cgroup: Cgroup,
    dir: PathBuf,
    /// Links of its folder: they change when a child comes or goes.
    links: u64,
    usage: Option<File>,
    is_new: bool,
    is_gone: bool,
}

/// All that are known.
#[derive(Debug)]
pub(super) struct Cgroups {
    mount: Mount,
    nodes: Vec<Node>,
    known: HashSet<KernelText>,
    /// Where the next round of each kind begins.
    next_look: usize,
    next_usage: usize,
    next_whole: usize,
    /// Files that stay open, and how many may.
    open_files: usize,
    most_files: usize,
}

impl Cgroups {
    /// All that are mounted there; so many files may stay open.
    pub(super) fn new(mount: Mount, most_files: usize) -> Self {
        let mut cgroups = Self {
            nodes: Vec::new(),
            known: HashSet::new(),
            next_look: 0,
            next_usage: 0,
            next_whole: 0,
            open_files: 0,
            most_files,
            mount,
        };
        let root = cgroups.mount.point.clone();
        cgroups.add(KernelText::from(b"/"), root);
        // Those that are added in between are looked at as well.
        let mut at = 0;
        while at < cgroups.nodes.len() {
            cgroups.look(at);
            at += 1;
        }
        cgroups
    }

    pub(super) fn mount(&self) -> &Mount {
        &self.mount
    }

    /// How they stand. All of those that are shown is read, and of the others as much as a round has.
    pub(super) fn read(&mut self, shown: &[KernelText], buffer: &mut Buffer) -> Vec<Cgroup> {
        for at in round(&mut self.next_look, self.nodes.len(), LOOKS) {
            self.look(at);
        }
        let shown: HashSet<&KernelText> = shown.iter().collect();
        let count = self.nodes.len();
        let usages: HashSet<_> = round(&mut self.next_usage, count, USAGES).collect();
        let whole: HashSet<_> = round(&mut self.next_whole, count, WHOLE).collect();
        let floor = self.floor();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let is_shown = shown.contains(&node.cgroup.path);
            let is_near = floor.is_some_and(|floor| node.cgroup.fill() >= Some(floor));
            let is_wanted = is_shown || is_near || node.is_new;
            if is_wanted || usages.contains(&at) || whole.contains(&at) {
                node.read_usage(self.mount.version, buffer);
            }
            node.cgroup.is_whole = is_wanted || whole.contains(&at);
            if node.cgroup.is_whole {
                level::read(&mut node.cgroup, &node.dir, self.mount.version, buffer);
                node.is_new = false;
            }
        }
        self.forget();
        self.nodes.iter().map(|node| node.cgroup.clone()).collect()
    }

    /// From so many thousandths of its limit on, one is among the nearest.
    fn floor(&self) -> Option<u64> {
        let mut fills: Vec<_> = self.nodes.iter().filter_map(|node| node.cgroup.fill()).collect();
        let at = fills.len().saturating_sub(NEAREST);
        if fills.is_empty() {
            return None;
        }
        let (_, floor, _) = fills.select_nth_unstable(at);
        // Nobody waits for one that is half empty.
        Some((*floor).max(500))
    }

    fn add(&mut self, path: KernelText, dir: PathBuf) {
        if self.nodes.len() >= MOST || !self.known.insert(path.clone()) {
            return;
        }
        let may_open = self.open_files < self.most_files;
        let usage = dir.join(self.mount.version.usage());
        let usage = if may_open { File::open(usage).ok() } else { None };
        self.open_files += usize::from(usage.is_some());
        // Not as its parent lists it: something may be mounted there.
        let inode = fs::metadata(&dir).map_or(0, |found| found.ino());
        let cgroup = Cgroup { path, inode, ..Cgroup::default() };
        self.nodes.push(Node { cgroup, dir, links: 0, usage, is_new: true, is_gone: false });
    }

    /// Whether it is there, and has children that are not known.
    fn look(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let found = fs::metadata(&node.dir).ok();
        let Some(found) = found.filter(|found| found.ino() == node.cgroup.inode) else {
            node.is_gone = true;
            return;
        };
        let links = found.nlink();
        // One link is what a file system has that does not count folders.
        if links > 1 && links == node.links {
            return;
        }
        node.links = links;
        if links == 2 {
            // Itself and the name that it has.
            return;
        }
        let (dir, path) = (node.dir.clone(), node.cgroup.path.clone());
        for name in folders(&dir) {
            let parent = path.as_bytes();
            let parent = parent.strip_suffix(b"/").unwrap_or(parent);
            let below = [parent, b"/", &name].concat();
            self.add(below.into(), dir.join(std::ffi::OsString::from_vec(name)));
        }
    }

    fn forget(&mut self) {
        if self.nodes.iter().all(|node| !node.is_gone) {
            return;
        }
        let mut parents = HashSet::new();
        let Self { nodes, known, open_files, .. } = self;
        nodes.retain(|node| {
            if node.is_gone {
                parents.extend(parent(node.cgroup.path.as_bytes()).map(KernelText::from));
                known.remove(&node.cgroup.path);
                *open_files -= usize::from(node.usage.is_some());
            }
            !node.is_gone
        });
        // A sibling may have come in its place: the count of links would not tell.
        for node in nodes.iter_mut().filter(|node| parents.contains(&node.cgroup.path)) {
            node.links = 0;
        }
    }
}

impl Node {
    fn read_usage(&mut self, version: Version, buffer: &mut Buffer) {
        let text = match &self.usage {
            Some(file) => buffer.read(file),
            None => buffer.read_at(&self.dir.join(version.usage())),
        };
        match text {
            Ok(text) => self.cgroup.used = level::number(text),
            Err(error) => {
                self.cgroup.used = None;
                // The root of version 2 has no such file.
                self.is_gone |= error == rustix::io::Errno::NODEV
                    || (error == rustix::io::Errno::NOENT && !self.dir.exists());
            }
        }
    }
}

/// The places of one round, at most so many of all; the next round goes on from there.
pub(super) fn round(
    next: &mut usize,
    all: usize,
    most: usize,
) -> impl Iterator<Item = usize> + use<> {
    let start = if *next < all { *next } else { 0 };
    let count = all.min(most);
    *next = start + count;
    (start..start + count).map(move |at| if at < all { at } else { at - all })
}

fn folders(dir: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().into_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, path: &str, used: u64, max: &str) {
        let dir = root.join(path);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("memory.current"), format!("{used}\n")).unwrap();
        fs::write(dir.join("memory.max"), format!("{max}\n")).unwrap();
    }

    fn cgroups(root: &Path) -> Cgroups {
        let mount = Mount { point: root.into(), root: "/".into(), version: Version::V2 };
        Cgroups::new(mount, 16)
    }

    fn read(cgroups: &mut Cgroups) -> Vec<(String, Option<u64>, Option<u64>)> {
        let mut found: Vec<_> = cgroups
            .read(&[], &mut Buffer::default())
            .into_iter()
            .map(|it| (it.path.to_string(), it.used, it.max))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn those_that_come_and_go_are_noticed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        make(root, "a", 5, "max");
        make(root, "a/b", 3, "10");
        let mut cgroups = cgroups(root);
        let names = |found: &[(String, Option<u64>, Option<u64>)]| {
            found.iter().map(|it| it.0.clone()).collect::<Vec<_>>()
        };
        let expected = [
            ("/".to_owned(), None, None),
            ("/a".to_owned(), Some(5), None),
            ("/a/b".to_owned(), Some(3), Some(10)),
        ];
        assert_eq!(read(&mut cgroups), expected);
        make(root, "a/c", 1, "max");
        assert_eq!(names(&read(&mut cgroups)), ["/", "/a", "/a/b", "/a/c"]);
        // As many as before.
        fs::remove_dir_all(root.join("a/b")).unwrap();
        make(root, "a/d", 1, "max");
        read(&mut cgroups);
        assert_eq!(names(&read(&mut cgroups)), ["/", "/a", "/a/c", "/a/d"]);
        fs::remove_dir_all(root.join("a")).unwrap();
        assert_eq!(names(&read(&mut cgroups)), ["/"]);
    }

    #[test]
    fn one_that_is_made_anew_is_another() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), "a", 1, "max");
        let mut cgroups = cgroups(root.path());
        let inode = |cgroups: &mut Cgroups| {
            let found = cgroups.read(&[], &mut Buffer::default());
            found.into_iter().find(|it| it.path.as_bytes() == b"/a").map(|it| it.inode)
        };
        let first = inode(&mut cgroups).unwrap();
        // The second folder gets an inode of its own while the first is there.
        make(root.path(), "b", 2, "max");
        fs::remove_dir_all(root.path().join("a")).unwrap();
        fs::rename(root.path().join("b"), root.path().join("a")).unwrap();
        inode(&mut cgroups);
        let second = inode(&mut cgroups).unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn however_many_there_are_each_is_read_in_its_turn() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..200 {
            make(root.path(), &format!("c{number}"), number, "1000000");
        }
        let mut cgroups = cgroups(root.path());
        // More than may stay open.
        assert_eq!(cgroups.open_files, 16);
        assert_eq!(read(&mut cgroups).len(), 201);
        for number in 0..200 {
            make(root.path(), &format!("c{number}"), number + 1, "2000000");
        }
        for _ in 0..5 {
            read(&mut cgroups);
        }
        let found = read(&mut cgroups);
        let is_fresh = |it: &(String, Option<u64>, Option<u64>)| {
            it.0 == "/" || (it.2 == Some(2_000_000) && it.1 > Some(0))
        };
        assert!(found.iter().all(is_fresh), "{found:?}");
    }

    #[test]
    fn a_round_goes_on_where_the_last_one_ended() {
        let mut next = 0;
        let mut rounds = || round(&mut next, 5, 2).collect::<Vec<_>>();
        assert_eq!([rounds(), rounds(), rounds(), rounds()], [[0, 1], [2, 3], [4, 0], [0, 1]]);
        assert_eq!(round(&mut 9, 0, 2).count(), 0);
    }

    #[test]
    fn a_container_sees_its_own_part() {
        let mount =
            |root: &str| Mount { point: "/".into(), root: root.into(), version: Version::V1 };
        assert_eq!(mount("/").path(b"/a/b"), Some("/a/b".into()));
        assert_eq!(mount("/").path(b"/"), Some("/".into()));
        assert_eq!(mount("/docker/1").path(b"/docker/1/x"), Some("/x".into()));
        assert_eq!(mount("/docker/1").path(b"/docker/1"), Some("/".into()));
        assert_eq!(mount("/docker/1").path(b"/docker/12"), None);
    }
}
