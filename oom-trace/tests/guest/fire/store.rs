//! The store's disk in the midst of kills: read-only, frozen, broken, gone, and back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use serde_json::Value;

use super::SMALL;
use super::account::Account;
use super::oracle::{Log, Oracle};
use super::post::{Post, history};
use super::told::Told;
use super::victim::Victim;
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};
use crate::support::PATIENCE;
use crate::support::agent::oom_trace;
use crate::sys;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_store_removed", store_removed),
    Scenario::new("fire_store_read_only", read_only).on(Machine::Disk),
    Scenario::new("fire_store_on_a_frozen_disk", frozen).on(Machine::Disk),
    Scenario::new("fire_store_on_a_broken_disk", broken).on(Machine::Disk),
    Scenario::new("fire_store_unmounted", unmounted).on(Machine::Disk),
];

const KILLS: usize = 5;

/// What the agent says when a store that failed saves again.
const WORKS: &str = "store: works again";

/// The machine's disk, mounted.
struct Mounted(PathBuf);

impl Mounted {
    const DISK: &str = "/dev/vda";

    fn here() -> Self {
        let folder = PathBuf::from("/run/store");
        fs::create_dir_all(&folder).unwrap();
        let mounted = Self(folder);
        mounted.mount();
        mounted
    }

    fn mount(&self) {
        mount(Self::DISK, &self.0, "ext4", MountFlags::empty(), None).unwrap();
    }

    /// From its place, though the agent has files of it open.
    fn take_away(&self) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
    }

    /// One for each scenario: the disk keeps them.
    fn store(&self, of: &str) -> PathBuf {
        self.0.join(of).with_extension("db")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// A disk whose writers wait, as backups have it for a moment; a scenario that fails lets them go on.
struct Frozen(File);

impl Frozen {
    fn at(folder: &Path) -> Self {
        let folder = File::open(folder).unwrap();
        sys::freeze(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        sys::thaw(&self.0).unwrap();
    }
}

/// An agent and the kills that it is to tell of.
struct Scene {
    post: Post,
    store: PathBuf,
    cgroup: Cgroup,
    oracle: Oracle,
    kills: usize,
    /// What it has said that was waited for.
    heard: usize,
    /// Landlock lets it write to the folders that were there at its start, and to no other of their names.
    is_bound: bool,
}

impl Scene {
    fn with(store: PathBuf) -> Self {
        Self::of(Post::new().with_store_at(store.clone()), store)
    }

    fn of(post: Post, store: PathBuf) -> Self {
        Self {
            post: post.start(),
            store,
            cgroup: Cgroup::limited("stored", SMALL),
            oracle: Oracle::ask(),
            kills: 0,
            heard: 0,
            is_bound: is_bound(),
        }
    }

    /// Some more, each of which is told to the output, whatever became of the store.
    fn kill(&mut self) {
        Victim::growing("hog", &self.cgroup).die(KILLS);
        self.kills += KILLS;
        let deadline = Instant::now() + PATIENCE;
        while self.told() < self.kills && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(self.told(), self.kills, "{:#?}{}", self.post.said(), self.post.threads());
    }

    /// How many of them were told: an agent with a new store tells of other scenarios' as well.
    fn told(&self) -> usize {
        ours(self.post.told(), &self.oracle.log()).kills.len()
    }

    /// Waits until it says this, after what was waited for before.
    fn says(&mut self, word: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.post.said();
            let at = said[self.heard..].iter().position(|line| line.contains(word));
            if let Some(at) = at {
                self.heard += at + 1;
                return;
            }
            assert!(Instant::now() < deadline, "it does not say {word:?}: {said:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The store's folder is another by now: it says this, and goes on. Where it is bound it says that this takes a
    /// restart, and is given one.
    fn goes_on(&mut self, word: &str) {
        if self.is_bound {
            self.says("needs a restart");
            self.post.stop();
            self.post.start_again();
        } else {
            self.says(word);
        }
    }

    /// As many kills, of which the next one finds in the log what this one could not save.
    fn assert_stored(&self, kills: usize, which: &str) {
        if !self.is_bound {
            assert_eq!(self.stored().kills.len(), kills, "{which}");
        }
    }

    /// What the file that is there now has. A new one knows nothing of other scenarios' kills, which are
    /// then found in the log as well.
    fn stored(&self) -> Told {
        ours(history(&self.store), &self.oracle.log())
    }

    /// All has been told by now, and what was to be saved has been.
    fn end(&mut self) -> Log {
        let log = self.oracle.log();
        self.post.stop();
        let told = ours(self.post.told(), &log);
        Account::of(&log.kills, &told).assert_whole();
        assert_eq!(told.gaps(), 0);
        log
    }

    /// The next one finds in the log what the file lacks that is there now.
    fn recover(&mut self) {
        self.post.start_again();
        let deadline = Instant::now() + PATIENCE;
        while self.stored().kills.len() < self.kills {
            assert!(Instant::now() < deadline, "{:#?}", self.post.said());
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// And the store has all.
    fn end_whole(mut self) {
        let log = self.end();
        Account::of(&log.kills, &self.stored()).assert_whole();
    }
}

fn is_bound() -> bool {
    let output = oom_trace(&["check", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    found["confined"]["landlock_abi"].is_u64()
}

/// Those since this scenario began.
fn ours(mut told: Told, log: &Log) -> Told {
    let first = log.kills.first().map(|line| line.us);
    told.kills.retain(|kill| kill["log_us"].as_u64() >= first);
    told
}

/// By an emergency, as files are open for writing. A file on that disk gets each record once, too.
fn read_only() {
    let mounted = Mounted::here();
    let file = mounted.store("read-only").with_extension("jsonl");
    let output = format!("json:{}", file.display());
    let store = mounted.store("read-only");
    let mut scene =
        Scene::of(Post::new().with(&["--output", &output]).with_store_at(store.clone()), store);
    scene.kill();
    // To all file systems on disks: it is done by a worker.
    fs::write("/proc/sysrq-trigger", "u").unwrap();
    await_options(&mounted.0, "ro");
    scene.kill();
    scene.says("outputs are served from memory");
    mount_remount(&mounted.0, MountFlags::empty(), c"").unwrap();
    scene.says("works again; no records are missing");
    scene.kill();
    let log = scene.end();
    Account::of(&log.kills, &ours(Told::read(&file), &log)).assert_whole();
    Account::of(&log.kills, &scene.stored()).assert_whole();
}

fn await_options(folder: &Path, option: &str) {
    let deadline = Instant::now() + PATIENCE;
    let is_so = || {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let folder = folder.to_str().unwrap();
        fields.any(|it| it[1] == folder && it[3].split(',').any(|word| word == option))
    };
    while !is_so() {
        assert!(Instant::now() < deadline, "{} is not {option}", folder.display());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing is refused, and nothing is answered.
fn frozen() {
    let mounted = Mounted::here();
    let mut scene = Scene::with(mounted.store("frozen"));
    scene.kill();
    let frozen = Frozen::at(&mounted.0);
    scene.kill();
    scene.says("the disk does not respond");
    scene.kill();
    drop(frozen);
    scene.says(WORKS);
    scene.kill();
    scene.end_whole();
}

/// The kernel finds an error in the file system, and gives it up; whoever mends it takes it away and
/// mounts it again, under the agent.
fn broken() {
    let mounted = Mounted::here();
    let mut scene = Scene::with(mounted.store("broken"));
    scene.kill();
    mount_remount(&mounted.0, MountFlags::empty(), c"errors=remount-ro").unwrap();
    fs::write("/sys/fs/ext4/vda/trigger_fs_error", "a fault that was asked for").unwrap();
    scene.kill();
    scene.says("outputs are served from memory");
    mounted.take_away();
    scene.kill();
    // As long as a file is open there, the kernel takes it for the same file system, which is of no use.
    let deadline = Instant::now() + PATIENCE;
    while Path::new("/sys/fs/ext4/vda").exists() {
        assert!(Instant::now() < deadline, "the disk is in use: {:#?}", scene.post.said());
        thread::sleep(Duration::from_millis(100));
    }
    mounted.mount();
    scene.goes_on(WORKS);
    scene.kill();
    scene.end();
    // What was saved where the disk was to be, meanwhile, the next start finds in the log.
    scene.recover();
    scene.end_whole();
}

/// The place is there, and the disk is not; and then it is again. What is saved meanwhile is in
/// another file, whose name the disk hides later.
fn unmounted() {
    let mounted = Mounted::here();
    let mut scene = Scene::with(mounted.store("unmounted"));
    scene.kill();
    mounted.take_away();
    scene.kill();
    scene.goes_on("was removed while in use; a new one is begun");
    scene.assert_stored(KILLS, "what came since, in the file that is there now");
    mounted.mount();
    scene.kill();
    scene.goes_on("was replaced while in use; the new one is used from here on");
    scene.end();
    // What the other file has the next start finds in the log.
    scene.recover();
    scene.end_whole();
}

/// Its files are removed, and then the folder that they were in.
fn store_removed() {
    let folder = tempfile::tempdir_in("/run").unwrap();
    let store = folder.path().join("inner/records.db");
    fs::create_dir(store.parent().unwrap()).unwrap();
    let mut scene = Scene::with(store.clone());
    scene.kill();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(store.with_extension(format!("db{suffix}")));
    }
    scene.kill();
    scene.says("was removed while in use; a new one is begun");
    fs::remove_file(store.with_extension("db-wal")).unwrap();
    scene.kill();
    assert_eq!(scene.stored().kills.len(), 2 * KILLS, "what came since");
    fs::remove_dir_all(store.parent().unwrap()).unwrap();
    scene.kill();
    scene.says("outputs are served from memory");
    fs::create_dir(store.parent().unwrap()).unwrap();
    scene.goes_on(WORKS);
    scene.kill();
    scene.assert_stored(2 * KILLS, "what waited, and what came since");
    scene.end();
    // What went with the files the next start finds in the log.
    scene.recover();
    scene.end_whole();
}
