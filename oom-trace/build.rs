//! Builds the eBPF program that the agent carries.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use aya_build::{Package, Toolchain};
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

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
    let features: &[&str] = if cfg!(feature = "ebpf-log") { &["log"] } else { &[] };
    let package = Package {
        name: "oom-trace-ebpf",
        root_dir: "../oom-trace-ebpf",
        features,
        ..Package::default()
    };
    aya_build::build_ebpf([package], Toolchain::Custom(toolchain.trim()))?;
    let object = Path::new(&env::var("OUT_DIR")?).join("oom-trace-ebpf");
    strip(&object).with_context(|| format!("cannot strip {}", object.display()))
}

/// Takes the debug information out, most of the object, which the agent would read through at each
/// start. The linker has made BTF of it, which stays.
fn strip(path: &Path) -> Result<()> {
    let bytes = fs::read(path)?;
    let mut elf = Builder::read(&*bytes)?;
    for section in &mut elf.sections {
        let name = &section.name[..];
        section.delete = name.starts_with(b".debug") || name.starts_with(b".rel.debug");
    }
    elf.delete_orphans();
    // The linker keeps the names of sections among those of symbols.
    let names = elf.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    elf.write(&mut stripped)?;
    Ok(fs::write(path, stripped)?)
}
