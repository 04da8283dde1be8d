//! The store, and a disk that is slow to be asked, or full.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::Value;

use super::SMALL;
use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::{Victim, fifo};
use crate::cgroup::Cgroup;
use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_saved_before_it_is_delivered", saved_first),
    Scenario::new("fire_disk_full_and_sigkill", full_and_killed),
];

/// A file system in memory, of this size.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn mount(name: &str, mib: u64) -> Self {
        let path = Path::new("/run").join(name);
        fs::create_dir_all(&path).unwrap();
        let options = std::ffi::CString::new(format!("size={mib}m")).unwrap();
        let flags = MountFlags::empty();
        mount("tmpfs", &path, "tmpfs", flags, Some(options.as_c_str())).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Takes what room there is.
    pub(crate) fn fill(&self) {
        for (index, length) in [64 << 10, 4096].into_iter().enumerate() {
            let _ = fs::write(self.file(&format!("filler-{index}")), b"");
            let mut file = fs::File::options()
                .append(true)
                .open(self.file(&format!("filler-{index}")))
                .unwrap();
            while std::io::Write::write_all(&mut file, &vec![b'x'; length]).is_ok() {}
        }
    }

    pub(crate) fn free(&self) {
        for index in 0..2 {
            let _ = fs::remove_file(self.file(&format!("filler-{index}")));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// Longer than the agent waits for a disk that does not answer: nothing happens meanwhile, and then
/// something does. What was delivered is in the store, whatever becomes of the agent then.
fn saved_first() {
    const QUIET: Duration = Duration::from_secs(6);
    const TIMES: usize = 2;
    let cgroup = Cgroup::limited("quiet", SMALL);
    let (_folder, fifo) = fifo();
    let output = format!("json:{}", fifo.display());
    let both = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let mut lines = BufReader::new(both).lines();
    let mut seen = HashSet::new();
    // What was delivered right before it died is delivered again.
    let mut next_kill = || -> Value {
        loop {
            let record: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            if record["type"] == "oom_kill" && seen.insert(record["id"].to_string()) {
                return record;
            }
        }
    };
    let mut post = Post::new().with_store().with(&["--output", &output]);
    let oracle = Oracle::ask();
    for round in 0..TIMES {
        post.start_again();
        // It is the agent that waits.
        thread::sleep(QUIET);
        Victim::growing("hog", &cgroup).dies();
        let delivered = next_kill();
        post.kill();
        let stored = post.stored();
        let said = post.said().into_iter().find(|line| line.contains("does not respond"));
        assert_eq!(said, None, "the disk was not slow");
        let id = &delivered["id"];
        let ids: Vec<_> = stored.kills.iter().map(|kill| &kill["id"]).collect();
        assert!(ids.contains(&id), "{id} was delivered, and is not among the saved: {ids:?}");
        assert_eq!(ids.len(), round + 1, "{ids:?}: {:#?}", post.said());
    }
    post.start_again();
    post.stop();
    Account::of(&oracle.log().kills, &post.told()).assert_whole();
}

/// Nothing can be saved, all is delivered, and the agent dies: the next one knows of none of it, and
/// the log tells of all.
fn full_and_killed() {
    const KILLS: usize = 20;
    let disk = Disk::mount("full", 16);
    let cgroup = Cgroup::limited("full", SMALL);
    let mut post = Post::new().with_store_at(disk.file("records.db")).start();
    let oracle = Oracle::ask();
    for round in 1..=2 {
        disk.fill();
        for _ in 0..KILLS {
            Victim::growing("hog", &cgroup).dies();
        }
        post.await_kills(round * KILLS);
        post.kill();
        disk.free();
        post.start_again();
    }
    post.recovered();
    post.stop();
    let log = oracle.log();
    Account::of(&log.kills, &post.told()).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
}
