//! Cgroups (v2) for a scenario.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

const TOP: &str = "/sys/fs/cgroup";

/// A cgroup at the top of the hierarchy; removed when it is dropped, after its processes.
#[derive(Debug)]
pub(crate) struct Cgroup {
    name: &'static str,
}

impl Cgroup {
    pub(crate) fn new(name: &'static str) -> Self {
        fs::write(format!("{TOP}/cgroup.subtree_control"), "+memory").unwrap();
        let cgroup = Self { name };
        fs::create_dir(cgroup.file("")).unwrap();
        cgroup
    }

    pub(crate) fn limited(name: &'static str, bytes: u64) -> Self {
        let cgroup = Self::new(name);
        cgroup.write("memory.max", bytes);
        cgroup
    }

    pub(crate) fn write(&self, file: &str, value: impl Display) {
        fs::write(self.file(file), value.to_string()).unwrap();
    }

    /// As the kernel writes it.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// As the kernel numbers it.
    pub(crate) fn id(&self) -> u64 {
        fs::metadata(self.file("")).unwrap().ino()
    }

    fn file(&self, file: &str) -> PathBuf {
        PathBuf::from(TOP).join(self.name).join(file)
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
