//! Builds the eBPF program that the agent carries.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use aya_build::{Package, Toolchain};

/// What `cargo xtask setup` leaves: the name of the toolchain that builds eBPF, and the linker.
const TOOLCHAIN: &str = "../target/tools/ebpf-toolchain";
const LINKER: &str = "../target/tools/bin/bpf-linker";
const HINT: &str = "eBPF cannot be built on this machine yet: run `cargo xtask setup`";

fn main() -> Result<()> {
    for path in [TOOLCHAIN, LINKER, "../oom-trace-common", "../oom-trace-ebpf", "build.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let toolchain = fs::read_to_string(TOOLCHAIN).context(TOOLCHAIN).context(HINT)?;
    ensure!(Path::new(LINKER).exists(), "{HINT}: {LINKER} is missing");
    let package =
        Package { name: "oom-trace-ebpf", root_dir: "../oom-trace-ebpf", ..Package::default() };
    aya_build::build_ebpf([package], Toolchain::Custom(toolchain.trim()))
}
