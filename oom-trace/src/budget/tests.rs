//! Over trees of files that look like the kernel's.

use std::fs;

use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

/// A cgroup file system, mounted where a blank is in the path.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a mount")).unwrap();
        Self(dir)
    }

    fn cgroup(&self, path: &str, files: &[(&str, String)]) {
        let dir = self.0.path().join("a mount").join(path);
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), format!("{text}\n")).unwrap();
        }
    }

    fn v2(&self, path: &str, max: &str, high: &str, used: u64) {
        let files = [("memory.max", max.into()), ("memory.high", high.into())];
        self.cgroup(path, &files);
        self.cgroup(path, &[("memory.current", used.to_string())]);
    }

    /// Of a process there; `root` is what of the file system is mounted.
    fn budget(&self, own: &str, root: &str, kind: &str, options: &str) -> Budget {
        let point = self.0.path().join("a mount");
        let point = point.to_str().unwrap().replace(' ', "\\040");
        let mountinfo = format!(
            "21 1 0:19 / /proc rw - proc proc rw\n\
             31 23 0:28 {root} {point} rw,nosuid shared:9 - {kind} {kind} {options}\n"
        );
        let cgroup = match kind {
            "cgroup2" => format!("0::{own}\n"),
            _ => format!("4:cpu,memory:{own}\n1:name=systemd:/other\n0::/\n"),
        };
        Budget::of(&cgroup, &mountinfo)
    }

    fn budget_v2(&self, own: &str) -> Budget {
        self.budget(own, "/", "cgroup2", "rw")
    }
}

fn max(mib: u64) -> String {
    (mib * MIB).to_string()
}

fn tightest(budget: &Budget) -> (&str, Kind, u64, u64) {
    let (cgroup, limit, used) = budget.tightest().unwrap();
    (cgroup, limit.kind, limit.bytes / MIB, used / MIB)
}

#[test]
fn half_of_what_is_left_may_wait_within_bounds() {
    assert_eq!(backlog_bytes(64 * MIB, 32 * MIB), 15 * MIB);
    assert_eq!(backlog_bytes(u64::MAX, 0), 32 * MIB);
    assert_eq!(backlog_bytes(33 * MIB, 32 * MIB), 256 << 10);
    assert_eq!(backlog_bytes(0, u64::MAX), 256 << 10);
}

#[test]
fn the_limit_that_leaves_the_least_counts_wherever_it_is() {
    let tree = Tree::new();
    tree.v2("pods/pod 1/box", "max", "max", 20 * MIB);
    tree.v2("pods/pod 1", &max(64), "max", 30 * MIB);
    tree.v2("pods", &max(1000), "max", 900 * MIB);
    let mut budget = tree.budget_v2("/pods/pod 1/box");
    assert_eq!(tightest(&budget), ("/pods/pod 1", Kind::Max, 64, 30));
    assert_eq!(budget.backlog_bytes(), 16 * MIB);

    // Another has taken what the pod's limit leaves.
    tree.v2("pods", &max(1000), "max", 990 * MIB);
    budget.refresh(0);
    assert_eq!(tightest(&budget), ("/pods", Kind::Max, 1000, 990));
    assert_eq!(budget.backlog_bytes(), 4 * MIB);

    // Somebody sets a limit where none was.
    tree.v2("pods/pod 1/box", "max", &max(21), 20 * MIB);
    budget.refresh(0);
    assert_eq!(tightest(&budget), ("/pods/pod 1/box", Kind::High, 21, 20));
    assert_eq!(budget.backlog_bytes(), 256 << 10);
}

#[test]
fn what_waits_does_not_take_from_what_may_wait() {
    let tree = Tree::new();
    tree.v2("box", &max(64), "max", 42 * MIB);
    let mut budget = tree.budget_v2("/box");
    budget.refresh(10 * MIB);
    assert_eq!(budget.backlog_bytes(), 15 * MIB);
    // The heap keeps the room of what has left.
    budget.refresh(0);
    assert_eq!(budget.backlog_bytes(), 15 * MIB);
}

#[test]
fn cached_files_are_no_use() {
    let tree = Tree::new();
    tree.v2("box", &max(128), "max", 127 * MIB);
    let stat = format!("anon 5\nfile 0\ninactive_file {}\nactive_file {}", 60 * MIB, 20 * MIB);
    tree.cgroup("box", &[("memory.stat", stat)]);
    assert_eq!(tightest(&tree.budget_v2("/box")), ("/box", Kind::Max, 128, 47));
}

#[test]
fn without_a_limit_there_is_a_default() {
    let tree = Tree::new();
    tree.v2("box", "max", "max", 20 * MIB);
    // Neither is one that cannot be read.
    tree.v2("box/other", "nonsense", "", 20 * MIB);
    for own in ["/box", "/box/other", "/gone", "/../outside", "/"] {
        let mut budget = tree.budget_v2(own);
        assert_eq!(budget.tightest(), None, "{own}");
        assert_eq!(budget.backlog_bytes(), 32 * MIB, "{own}");
        assert_eq!(budget.fits_loading(), Ok(()), "{own}");
    }
    assert_eq!(Budget::of("", "").backlog_bytes(), 32 * MIB);
    assert_eq!(Budget::of("0::/box\n", "1 2 3 - x").tightest(), None);
}

#[test]
fn of_version_1_too() {
    let tree = Tree::new();
    let limit = |path, bytes: u64| {
        let files = [
            ("memory.limit_in_bytes", bytes.to_string()),
            ("memory.usage_in_bytes", (20 * MIB).to_string()),
            ("memory.stat", format!("active_file 9\ntotal_active_file {}", 8 * MIB)),
        ];
        tree.cgroup(path, &files);
    };
    limit("", 9_223_372_036_854_771_712);
    limit("docker", 9_223_372_036_854_771_712);
    limit("docker/1", 32 * MIB);
    let budget = tree.budget("/docker/1", "/", "cgroup", "rw,cpu,memory");
    assert_eq!(tightest(&budget), ("/docker/1", Kind::V1, 32, 12));
    assert_eq!(tree.budget("/docker/1", "/", "cgroup", "rw,cpu").tightest(), None);
    // In a container the mount shows no more than its own.
    limit("", 16 * MIB);
    let budget = tree.budget("/docker/1", "/docker/1", "cgroup", "rw,cpu,memory");
    assert_eq!(tightest(&budget), ("/docker/1", Kind::V1, 16, 12));
}

#[test]
fn too_little_to_load_is_said_with_what_to_set() {
    let tree = Tree::new();
    tree.v2("box", &max(24), "max", 12 * MIB);
    let said = tree.budget_v2("/box").fits_loading().unwrap_err().to_string();
    assert!(
        said.contains("memory.max of cgroup /box leaves 12 MiB; set it to at least 30 MiB"),
        "{said}"
    );
    // A lower limit that slows down hides none that kills.
    tree.v2("box", &max(24), &max(20), 12 * MIB);
    assert!(tree.budget_v2("/box").fits_loading().is_err());
    tree.v2("box", &max(30), &max(20), 12 * MIB);
    assert_eq!(tree.budget_v2("/box").fits_loading(), Ok(()));
}

/// Whatever limit these tests run under.
#[test]
fn this_process_has_one() {
    let budget = Budget::here();
    let (least, most) = BACKLOG_BYTES;
    assert!((least..=most).contains(&budget.backlog_bytes()));
}
