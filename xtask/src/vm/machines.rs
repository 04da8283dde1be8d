//! The machines a kernel is booted on: a new one is one entry here.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use xtask::job::Hierarchy;

use crate::setup::tools;
use crate::sh;

/// A machine for guests.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What `--machine` calls it, and `OOM_TRACE_MACHINE` in the guest.
    pub(crate) name: &'static str,
    pub(super) cpus: u32,
    /// Processors that may be added while it runs, beyond those.
    pub(super) spare_cpus: u32,
    pub(super) memory_mib: u32,
    /// Its disk, `/dev/vda`, if it has one.
    pub(super) disk: Option<Disk>,
    /// What else QEMU is told.
    pub(super) qemu: &'static [&'static str],
    /// What else the kernel is told.
    pub(super) kernel_args: &'static [&'static str],
    pub(super) modules: &'static [&'static str],
    pub(super) hierarchy: Hierarchy,
    /// Options of the kernel's configuration without which it is no such machine.
    needs: &'static [&'static str],
    pub(super) end: End,
}

/// How a run of the tests ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With an exit status and a line for each scenario.
    Account,
    /// With a panic of the kernel, before which the console shows a record of it.
    Panic,
    /// As [`Self::Account`], of the boot that follows one that a panic has ended.
    AfterPanic,
}

/// One processor, cgroup v2, nothing else; the others differ from it.
pub(crate) const PLAIN: Machine = Machine {
    name: "plain",
    cpus: 1,
    spare_cpus: 0,
    memory_mib: 768,
    disk: None,
    qemu: &[],
    kernel_args: &[],
    modules: &[],
    hierarchy: Hierarchy::Unified,
    needs: &[],
    end: End::Account,
};

/// What Debian with its own systemd and containers takes. No test of ours runs on it.
pub(super) const SYSTEM: Machine = Machine {
    name: "system",
    cpus: 2,
    memory_mib: 2048,
    kernel_args: &[COUNT_SWAP],
    modules: DISK,
    ..PLAIN
};

/// The one whose power is cut, again and again: what it has to say is in between the kernel's lines on the
/// console.
pub(super) const POWER_CUT: Machine = Machine {
    name: "power-cut",
    disk: Some(Disk { mib: 256, has_files: true }),
    kernel_args: &["loglevel=1"],
    modules: DISK,
    ..PLAIN
};

/// Up to 5.18 the kernel counts swap of cgroups only when told to.
const COUNT_SWAP: &str = "swapaccount=1";

pub(crate) static MACHINES: &[Machine] = &[
    PLAIN,
    Machine { name: "two-cpus", cpus: 2, ..PLAIN },
    // What grows with the processors that there may be.
    Machine { name: "many-cpus", cpus: 2, spare_cpus: 62, ..PLAIN },
    Machine {
        name: "numa",
        memory_mib: 2048,
        qemu: &[
            "-object",
            "memory-backend-ram,id=near,size=1024M",
            "-numa",
            "node,nodeid=0,cpus=0,memdev=near",
            "-object",
            "memory-backend-ram,id=far,size=1024M",
            "-numa",
            "node,nodeid=1,memdev=far",
        ],
        needs: &["CONFIG_NUMA"],
        ..PLAIN
    },
    Machine {
        name: "swap",
        disk: Some(Disk { mib: 256, has_files: false }),
        kernel_args: &[COUNT_SWAP],
        modules: DISK,
        needs: &["CONFIG_SWAP"],
        ..PLAIN
    },
    // One that is frozen, taken away and made read-only.
    Machine {
        name: "disk",
        disk: Some(Disk { mib: 64, has_files: true }),
        modules: DISK,
        needs: &["CONFIG_EXT4_FS"],
        ..PLAIN
    },
    Machine {
        name: "cgroup-v1",
        kernel_args: &[COUNT_SWAP],
        hierarchy: Hierarchy::Legacy,
        needs: &["CONFIG_MEMCG_V1"],
        ..PLAIN
    },
    Machine {
        name: "lockdown",
        kernel_args: &["lockdown=confidentiality"],
        needs: &["CONFIG_SECURITY_LOCKDOWN_LSM"],
        ..PLAIN
    },
    Machine {
        name: "panic",
        cpus: 2,
        // The report takes its time on the console, as on a real machine; a panic stops the agent's
        // processor.
        kernel_args: &["loglevel=7"],
        end: End::Panic,
        ..PLAIN
    },
    // It panics, and memory keeps over the reset what pstore put there.
    Machine {
        name: "pstore",
        disk: Some(Disk { mib: 64, has_files: true }),
        kernel_args: &[
            "memmap=1M$512M",
            "ramoops.mem_address=0x20000000",
            "ramoops.mem_size=0x100000",
            "ramoops.record_size=0x20000",
        ],
        modules: &["virtio_pci", "virtio_blk", "ramoops"],
        needs: &["CONFIG_PSTORE_RAM", "CONFIG_EXT4_FS"],
        end: End::AfterPanic,
        ..PLAIN
    },
    // All of them emulated by one: a boot takes minutes.
    Machine { name: "sixty-four", cpus: 64, memory_mib: 4096, ..PLAIN },
    Machine { name: "storm", ..LONG },
    Machine { name: "fire", ..LONG },
    Machine { name: "soak", ..LONG },
];

/// Its tests take minutes each.
const LONG: Machine = Machine {
    name: "",
    cpus: 2,
    // 1,401 processes at once, and what is told of them in a file that lies in memory.
    memory_mib: 3072,
    // The kernel's log is the oracle of all that time; thousands of kills would wait for the console. A
    // warning of the kernel's would not be seen there: it ends the run, and says from where it came.
    kernel_args: &["log_buf_len=32M", "loglevel=3", "panic_on_warn=1"],
    ..PLAIN
};

/// What a disk of QEMU's takes.
const DISK: &[&str] = &["virtio_pci", "virtio_blk"];

/// A disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk {
    mib: u32,
    /// Whether there is a file system on it, ext4; else it is empty.
    has_files: bool,
}

/// Beyond the path of those who are not root.
const MKFS: (&str, &str) = ("/usr/sbin/mkfs.ext4", "e2fsprogs");

impl Disk {
    /// Makes it anew.
    pub(super) fn make(self, path: &Path) -> Result<()> {
        let disk = File::create(path).context("cannot make the guest's disk")?;
        disk.set_len(u64::from(self.mib) << 20)?;
        if self.has_files {
            tools::programs(&[MKFS])?;
            sh::output(Command::new(MKFS.0).args(["-q", "-F"]).arg(path))?;
        }
        Ok(())
    }
}

impl Machine {
    /// The machine of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        let names = || MACHINES.iter().map(|machine| machine.name).collect::<Vec<_>>().join(", ");
        let found = MACHINES.iter().find(|machine| machine.name == name);
        found.with_context(|| format!("no machine {name:?} in the table; it has {}", names()))
    }

    /// Why there is no such machine with a kernel of this configuration, as a whole text.
    pub(super) fn obstacle(&self, config: &str) -> Option<String> {
        let lacks =
            |option: &&&str| config.lines().any(|line| line == format!("# {option} is not set"));
        self.needs.iter().find(lacks).map(|option| format!("this kernel has no {option}"))
    }
}

/// The modules of all machines.
pub(super) fn modules() -> Vec<&'static str> {
    let mut modules: Vec<_> =
        MACHINES.iter().flat_map(|machine| machine.modules).copied().collect();
    modules.sort_unstable();
    modules.dedup();
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_needs_what_the_kernel_was_not_built_without() {
        let machine = Machine::named("cgroup-v1").unwrap();
        // Before 6.11 the option did not exist, and cgroup v1 was always there.
        assert_eq!(machine.obstacle("CONFIG_MEMCG=y\n"), None);
        assert_eq!(machine.obstacle("CONFIG_MEMCG_V1=y\n"), None);
        let reason = machine.obstacle("CONFIG_MEMCG=y\n# CONFIG_MEMCG_V1 is not set\n");
        assert_eq!(reason.as_deref(), Some("this kernel has no CONFIG_MEMCG_V1"));
    }

    #[test]
    fn an_unknown_machine_is_answered_with_the_known() {
        let err = Machine::named("laptop").unwrap_err().to_string();
        assert!(err.contains("plain, two-cpus"), "{err}");
    }
}
