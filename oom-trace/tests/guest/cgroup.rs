//! Cgroups for a scenario.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scenario::Machine;

const V2: &str = "/sys/fs/cgroup";
/// Where the hierarchy with the memory controller is on the machine `cgroup-v1`.
pub(crate) const V1: &str = "/sys/fs/cgroup/memory";

/// A cgroup; removed when it is dropped, after its processes.
#[derive(Debug)]
pub(crate) struct Cgroup {
    /// Below the root of the hierarchy.
    path: PathBuf,
}

impl Cgroup {
    /// At the top of the hierarchy.
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Self {
        Self::at(PathBuf::from(name.as_ref()))
    }

    pub(crate) fn limited(name: impl AsRef<OsStr>, bytes: u64) -> Self {
        let cgroup = Self::new(name);
        cgroup.limit(bytes);
        cgroup
    }

    pub(crate) fn child(&self, name: &str) -> Self {
        Self::at(self.path.join(name))
    }

    fn at(path: PathBuf) -> Self {
        let parent = path.parent().unwrap();
        if !is_v1() {
            let control = Path::new(V2).join(parent).join("cgroup.subtree_control");
            fs::write(control, "+memory").unwrap();
        }
        let cgroup = Self { path };
        fs::create_dir(cgroup.file("")).unwrap();
        cgroup
    }

    pub(crate) fn limit(&self, bytes: u64) {
        self.write(if is_v1() { "memory.limit_in_bytes" } else { "memory.max" }, bytes);
    }

    pub(crate) fn write(&self, file: &str, value: impl Display) {
        fs::write(self.file(file), value.to_string()).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.file(file)).unwrap()
    }

    /// By which [`Cgroup::enter`] knows it.
    pub(crate) fn name(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }

    /// Moves this process to the cgroup of that name.
    pub(crate) fn enter(name: &str) {
        let root = if is_v1() { V1 } else { V2 };
        fs::write(Path::new(root).join(name).join("cgroup.procs"), "0").unwrap();
    }

    /// The most bytes that it held so far, where the kernel tells (5.19 on).
    pub(crate) fn peak(&self) -> Option<u64> {
        fs::read_to_string(self.file("memory.peak")).ok()?.trim().parse().ok()
    }

    /// Its processes, in the initial pid namespace.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.read("cgroup.procs").lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// As the kernel writes it, and as the agent's JSON has it.
    pub(crate) fn path(&self) -> String {
        format!("/{}", crate::support::log::json_text(self.path.as_os_str().as_bytes()))
    }

    /// Where a process goes to be in it.
    pub(crate) fn procs(&self) -> PathBuf {
        self.file("cgroup.procs")
    }

    /// Bytes that it has now.
    pub(crate) fn usage(&self) -> u64 {
        self.read("memory.current").trim().parse().unwrap()
    }

    /// What its processes have had of processors so far, those that are gone among them.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = self.read("cpu.stat");
        let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
        Duration::from_micros(used.parse().unwrap())
    }

    /// What of it is files that are nowhere else, as those of a tmpfs.
    pub(crate) fn shmem(&self) -> u64 {
        let stat = self.read("memory.stat");
        stat.lines().find_map(|line| line.strip_prefix("shmem ")).unwrap().parse().unwrap()
    }

    /// Has the cgroups at the top get this controller, too.
    pub(crate) fn at_the_top(controller: &str) {
        fs::write(Path::new(V2).join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
    }

    /// As the kernel numbers it.
    pub(crate) fn id(&self) -> u64 {
        fs::metadata(self.file("")).unwrap().ino()
    }

    /// Removes it the moment that it can be.
    pub(crate) fn remove_when_empty(self) {
        while let Err(error) = fs::remove_dir(self.file("")) {
            assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
            std::thread::yield_now();
        }
        std::mem::forget(self);
    }

    fn file(&self, file: &str) -> PathBuf {
        Path::new(if is_v1() { V1 } else { V2 }).join(&self.path).join(file)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let removed = fs::remove_dir(self.file(""));
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

fn is_v1() -> bool {
    Machine::this() == Machine::CgroupV1
}
