//! The kernels we test on: a new one is one line here.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::arch::{AMD64, ARM64, Arch};
use super::machines::Machine;
use super::package;

/// A kernel of Debian's archive.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// What `--kernel` calls it.
    pub(crate) name: &'static str,
    /// The suite whose archive holds it.
    pub(super) suite: &'static str,
    /// The package's name: `linux-image-RELEASE.*-FLAVOUR`.
    pub(super) release: &'static str,
    pub(super) flavour: &'static str,
    pub(crate) arch: &'static Arch,
    /// The machines it is booted on: a sister of another kernel only on those where it may differ.
    machines: &'static [&'static str],
}

/// All machines that take minutes.
const SHORT: &[&str] =
    &["plain", "two-cpus", "many-cpus", "numa", "swap", "cgroup-v1", "lockdown", "panic"];

/// And the one that takes half an hour: for the oldest kernel, the newest, and one between them.
const ALL: &[&str] =
    &["plain", "two-cpus", "many-cpus", "numa", "swap", "cgroup-v1", "lockdown", "panic", "fire"];

/// What a line that says no more has.
const CLOUD: Kernel = Kernel {
    name: "",
    suite: "",
    release: "",
    flavour: "cloud-amd64",
    arch: &AMD64,
    machines: ALL,
};

/// Oldest first, and then the sisters.
pub(crate) static KERNELS: &[Kernel] = &[
    Kernel { name: "5.10", suite: "bullseye", release: "5.10", ..CLOUD },
    Kernel { name: "6.1", suite: "bookworm", release: "6.1", machines: SHORT, ..CLOUD },
    Kernel { name: "6.12", suite: "trixie", release: "6.12", ..CLOUD },
    Kernel { name: "6.18", suite: "trixie-backports", release: "6.18", machines: SHORT, ..CLOUD },
    Kernel { name: "7.3", suite: "trixie-backports", release: "7.3", ..CLOUD },
    Kernel {
        name: "6.12-generic",
        suite: "trixie",
        release: "6.12",
        flavour: "amd64",
        machines: &["plain"],
        ..CLOUD
    },
    Kernel {
        name: "6.12-rt",
        suite: "trixie",
        release: "6.12",
        flavour: "rt-amd64",
        machines: &["plain", "two-cpus"],
        ..CLOUD
    },
    Kernel {
        name: "6.12-arm64",
        suite: "trixie",
        release: "6.12",
        flavour: "cloud-arm64",
        arch: &ARM64,
        machines: &["plain"],
    },
];

impl Kernel {
    /// The kernel of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        let names = || KERNELS.iter().map(|kernel| kernel.name).collect::<Vec<_>>().join(", ");
        let found = KERNELS.iter().find(|kernel| kernel.name == name);
        found.with_context(|| format!("no kernel {name:?} in the table; it has {}", names()))
    }

    /// Whether a run of all tests has this kernel on this machine.
    pub(super) fn is_run_on(&self, machine: &Machine) -> bool {
        self.machines.contains(&machine.name)
    }

    /// Gets what is needed of its packages; once, and then needing no network.
    pub(super) fn get(&self) -> Result<()> {
        let folder = self.folder();
        if !package::is_complete(&folder) {
            package::fetch(self, &folder)
                .with_context(|| format!("cannot fetch kernel {}", self.name))?;
        }
        Ok(())
    }

    /// The image.
    pub(super) fn image(&self) -> PathBuf {
        self.folder().join("vmlinuz")
    }

    /// The name of the package that the image is from.
    pub(crate) fn package(&self) -> Result<String> {
        self.text("package").map(|text| text.trim().to_owned())
    }

    /// The configuration that it was built with.
    pub(super) fn config(&self) -> Result<String> {
        self.text("config")
    }

    /// The files of the modules and of those that they need, in the order of loading.
    pub(super) fn modules(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for name in names {
            for file in self.text(&package::list_of(name))?.lines() {
                let file = self.folder().join(file);
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        Ok(files)
    }

    fn folder(&self) -> PathBuf {
        super::folder().join("kernels").join(self.name)
    }

    fn text(&self, file: &str) -> Result<String> {
        let path = self.folder().join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kernel_is_answered_with_the_known() {
        let err = Kernel::named("2.6").unwrap_err().to_string();
        assert!(err.contains("6.1, 6.12"), "{err}");
    }

    #[test]
    fn the_machines_of_each_kernel_exist() {
        for name in KERNELS.iter().flat_map(|kernel| kernel.machines) {
            Machine::named(name).unwrap();
        }
    }
}
