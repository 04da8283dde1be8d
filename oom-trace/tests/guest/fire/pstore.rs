//! A panic, and the boot after it: what nobody saved in time is in pstore.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::mount::{MountFlags, mount};
use rustix::process::Signal;

use super::SMALL;
use super::account::Account;
use super::oracle::{Log, Oracle, kmsg};
use super::post::{Post, history};
use super::victim::Victim;
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("panic_found_in_pstore", panic_and_after).on(Machine::Pstore)];

const SAVED: usize = 3;
const UNSAVED: usize = 4;

/// What the first boot leaves to the second.
struct Disk(PathBuf);

impl Disk {
    fn mounted() -> Self {
        let folder = PathBuf::from("/run/store");
        fs::create_dir_all(&folder).unwrap();
        mount("/dev/vda", &folder, "ext4", MountFlags::empty(), None).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned()
}

/// The machine boots twice, and each time this is run.
fn panic_and_after() {
    let pstore = Path::new("/sys/fs/pstore");
    mount("pstore", pstore, "pstore", MountFlags::empty(), None).unwrap();
    let disk = Disk::mounted();
    if disk.file("panicked").exists() {
        assert!(fs::read_dir(pstore).unwrap().count() > 0, "pstore kept nothing");
        after(&disk);
    } else {
        before(&disk);
    }
}

/// Some kills are saved; then the agent gets no turn any more, and the machine goes down.
fn before(disk: &Disk) {
    let cgroup = Cgroup::limited("doomed", SMALL);
    let oracle = Oracle::ask();
    let post = Post::over(disk.file("records.db")).start();
    Victim::growing("saved", &cgroup).die(SAVED);
    assert_eq!(post.await_kills(SAVED).kills.len(), SAVED, "{:#?}", post.said());
    post.signal(Signal::STOP);
    Victim::growing("unsaved", &cgroup).die(UNSAVED);
    assert_eq!(oracle.log().kills.len(), SAVED + UNSAVED);
    fs::write(disk.file("kmsg"), kmsg()).unwrap();
    fs::write(disk.file("boot_id"), boot_id()).unwrap();
    fs::write(disk.file("panicked"), Timestamp::now().to_string()).unwrap();
    rustix::fs::sync();
    fs::write("/proc/sys/vm/panic_on_oom", "1").unwrap();
    let unlimited = Cgroup::new("unlimited");
    Victim::growing("last", &unlimited).dies();
    panic!("the kernel did not panic");
}

/// Each kill is told once, and why the machine went down; and no start tells it again.
fn after(disk: &Disk) {
    let log = Log::saved(&disk.read("kmsg"));
    assert_eq!(log.kills.len(), SAVED + UNSAVED);
    let (store, before) = (disk.file("records.db"), disk.read("boot_id"));
    let mut post = Post::over(store.clone()).start();
    let said = post.says("of an earlier boot from pstore", PATIENCE);
    assert!(said, "nothing was found: {:#?}", post.said());
    post.stop();
    post.start_again();
    // As long as the search takes, and a while.
    Victim::growing("after", &Cgroup::limited("after", SMALL)).dies();
    post.await_kills(UNSAVED + 1);
    thread::sleep(Duration::from_secs(1));
    post.stop();
    let (told, mut stored) = (post.told(), history(&store));
    assert_eq!((told.kills.len(), told.panics.len(), told.repeated), (UNSAVED + 1, 1, 0));
    stored.kills.retain(|kill| kill["boot_id"] == before);
    Account::of(&log.kills, &stored).assert_whole();
    let by_pstore = stored.kills.iter().filter(|kill| kill["source"] == "pstore");
    assert!(by_pstore.clone().all(|kill| kill["victim"]["comm"] == "unsaved"));
    assert_eq!(by_pstore.count(), UNSAVED);
    let panic = &stored.panics[0];
    assert_eq!((&panic["source"], &panic["boot_id"]), (&"pstore".into(), &before.into()));
    assert!(panic["message"].as_str().unwrap().contains("panic_on_oom"), "{panic:#}");
    let at = |text: &str| text.trim().parse::<Timestamp>().unwrap();
    let apart = at(panic["time"].as_str().unwrap()).duration_since(at(&disk.read("panicked")));
    assert!(apart.unsigned_abs() < PATIENCE, "{panic:#}");
}
