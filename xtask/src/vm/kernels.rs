//! The kernels we test on: a new one is one line here.

use anyhow::{Context as _, Result};

use super::arch::{AMD64, ARM64, Arch};
use super::machines::Machine;

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
    /// Those that take a quarter of an hour or more: only a few kernels.
    slow: &'static [&'static [&'static str]],
}

/// All machines that take minutes.
const SHORT: &[&str] = &[
    "plain",
    "two-cpus",
    "many-cpus",
    "numa",
    "swap",
    "disk",
    "cgroup-v1",
    "lockdown",
    "panic",
    "pstore",
];

/// Two hours of two processors, on three kernels.
const LONG: &[&str] = &["storm", "fire", "soak"];

/// What a line that says no more has.
const CLOUD: Kernel = Kernel {
    name: "",
    suite: "",
    release: "",
    flavour: "cloud-amd64",
    arch: &AMD64,
    machines: SHORT,
    slow: &[],
};

/// Oldest first, and then the sisters.
pub(crate) static KERNELS: &[Kernel] = &[
    Kernel { name: "5.10", suite: "bullseye", release: "5.10", slow: &[LONG], ..CLOUD },
    Kernel { name: "6.1", suite: "bookworm", release: "6.1", ..CLOUD },
    Kernel {
        name: "6.12",
        suite: "trixie",
        release: "6.12",
        slow: &[LONG, &["sixty-four"]],
        ..CLOUD
    },
    Kernel { name: "6.18", suite: "trixie-backports", release: "6.18", ..CLOUD },
    Kernel { name: "7.3", suite: "trixie-backports", release: "7.3", slow: &[LONG], ..CLOUD },
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
        ..CLOUD
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
            || self.slow.iter().any(|names| names.contains(&machine.name))
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
        for name in KERNELS
            .iter()
            .flat_map(|kernel| kernel.machines.iter().chain(kernel.slow.iter().copied().flatten()))
        {
            Machine::named(name).unwrap();
        }
    }
}
