//! The processors guests have: how QEMU makes each, and how its programs are built.

/// An architecture, with the machine of QEMU's that has it.
#[derive(Debug)]
pub(crate) struct Arch {
    /// Debian's name for it.
    pub(crate) debian: &'static str,
    /// Rust's.
    pub(crate) rust: &'static str,
    /// GNU's.
    pub(crate) gnu: &'static str,
    /// The emulator, and Debian's package of it.
    pub(super) qemu: (&'static str, &'static str),
    pub(super) machine: &'static str,
    /// What is emulated of the processor.
    pub(super) cpu: &'static str,
    /// The kernel's name for the port that is its console.
    pub(super) console: &'static str,
    /// The port that leads home, by its path in the guest.
    pub(super) home_port: &'static str,
    /// How QEMU makes that.
    pub(super) home_args: &'static [&'static str],
}

pub(crate) static AMD64: Arch = Arch {
    debian: "amd64",
    rust: "x86_64",
    gnu: "x86_64-linux-gnu",
    qemu: ("qemu-system-x86_64", "qemu-system-x86"),
    machine: "q35",
    // QEMU 7.2 fails with cmpxchg16b.
    cpu: "max,cx16=off",
    console: "ttyS0",
    home_port: "/dev/ttyS1",
    home_args: &["-serial", "chardev:home"],
};

pub(crate) static ARM64: Arch = Arch {
    debian: "arm64",
    rust: "aarch64",
    gnu: "aarch64-linux-gnu",
    qemu: ("qemu-system-aarch64", "qemu-system-arm"),
    machine: "virt",
    // The architecture's own pointer authentication is slow to emulate.
    cpu: "max,pauth-impdef=on",
    console: "ttyAMA0",
    home_port: "/dev/ttyS0",
    // The machine has one port of its own.
    home_args: &["-device", "pci-serial,chardev=home"],
};

impl Arch {
    /// Whether this machine has it.
    pub(crate) fn is_ours(&self) -> bool {
        self.rust == std::env::consts::ARCH
    }
}
