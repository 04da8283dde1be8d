//! Builds the eBPF program that the agent carries, and makes an image of it.
//!
//! What the linker leaves is an ELF object whose programs, maps and types have to be found, put
//! together and adjusted before the kernel takes them. Nothing of that depends on the machine the
//! agent runs on, so it is done here: the agent only makes the maps and puts their numbers in.

#[path = "build/commit.rs"]
mod commit;
#[path = "build/relocations.rs"]
mod relocations;
#[path = "build/strings.rs"]
mod strings;

use std::collections::HashSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use aya_build::{Package, Toolchain};
use aya_obj::btf::BtfFeatures;
use aya_obj::generated::bpf_insn;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF;
use aya_obj::{EbpfSectionKind, Function, Map, Object, ProgramSection};
use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSymbol as _};

/// What `cargo xtask setup` leaves: the name of the toolchain that builds eBPF, and the linker.
const TOOLCHAIN: &str = "../target/tools/ebpf-toolchain";
const LINKER: &str = "../target/tools/bin/bpf-linker";
const HINT: &str = "eBPF cannot be built on this machine yet: run `cargo xtask setup`";

/// Where what in the binary goes, and what is left out of it as it is released.
const LAYOUT: &str = "layout.ld";
const NO_UNWINDING: &str = "unwind.ld";

/// The read-only globals that the agent sets.
const GLOBALS: [&str; 3] = ["LAYOUT", "MACHINE", "AYA_LOG_LEVEL"];

/// What the oldest kernel of all takes of an object's type information, 5.10: newer ones take it as well.
const OLDEST_BTF: BtfFeatures =
    BtfFeatures::new(true, true, true, false, false, false, false, false);

fn main() -> Result<()> {
    let ours = ["build.rs", "build", LAYOUT, NO_UNWINDING];
    for path in [TOOLCHAIN, LINKER, "../oom-trace-common", "../oom-trace-ebpf"].iter().chain(&ours)
    {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-env=OOM_TRACE_TARGET={}", env::var("TARGET")?);
    println!("cargo::rustc-env=OOM_TRACE_COMMIT={}", commit::commit().unwrap_or_default());
    let folder = env::var("CARGO_MANIFEST_DIR")?;
    // The first that names a section has it. Only the release's panics end the process (Cargo.toml).
    let is_released = env::var("PROFILE")? == "release";
    let leaves_out = is_released && env::var("CARGO_CFG_TARGET_ARCH")? == "x86_64";
    for script in leaves_out.then_some(NO_UNWINDING).into_iter().chain([LAYOUT]) {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", Path::new(&folder).join(script).display());
    }
    relocations::pack();
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
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let object = out.join("oom-trace-ebpf");
    let bytes = fs::read(&object)?;
    let image = image(&bytes, out).with_context(|| format!("in {}", object.display()))?;
    Ok(fs::write(out.join("image.rs"), image)?)
}

/// The source of `bpf::image::IMAGE`; the larger pieces go to files of their own in `out`.
fn image(bytes: &[u8], out: &Path) -> Result<String> {
    let mut object = Object::parse(bytes)?;
    let types = object.fixup_and_sanitize_btf(&OLDEST_BTF)?.context("no type information")?;
    let types = strings::prune(&types.to_bytes()).context("its type information")?;
    let types = piece(out, "types.btf", &types)?;

    let mut maps: Vec<(String, Map)> = object.maps.drain().collect();
    maps.sort_by(|(one, _), (other, _)| one.cmp(other));
    let text: HashSet<_> = object.functions.keys().map(|(section, _)| *section).collect();
    // The place in the list stands where the descriptor will.
    let places = maps.iter().zip(0..).map(|((name, map), place)| (name.as_str(), place, map));
    object.relocate_maps(places, &text)?;
    object.relocate_calls(&text)?;

    let mut source = String::from("Image {\n");
    writeln!(source, "license: c{:?},", object.license)?;
    writeln!(source, "types: {types},\nmaps: &[")?;
    for (name, map) in &maps {
        let is_ring = map.map_type() == BPF_MAP_TYPE_RINGBUF as u32;
        let is_constant = map.section_kind() == EbpfSectionKind::Rodata;
        let is_zero = map.data().iter().all(|&byte| byte == 0);
        let data: &[u8] = if is_zero && !is_constant { &[] } else { map.data() };
        writeln!(
            source,
            "MapImage {{ name: {name:?}, kind: {}, key_size: {}, value_size: {}, entries: {}, \
             flags: {}, data: {}, is_constant: {is_constant} }},",
            map.map_type(),
            map.key_size(),
            if is_ring { 0 } else { map.value_size() },
            map.max_entries(),
            map.map_flags(),
            piece(out, name, data)?,
        )?;
    }
    writeln!(source, "],\nglobals: &[")?;
    for (name, section, offset) in globals(bytes)? {
        let is_its = |(_, map): &(String, Map)| map.section_index() == section;
        let map = maps.iter().position(is_its).with_context(|| format!("{name} is no global"))?;
        writeln!(source, "Global {{ name: {name:?}, map: {map}, offset: {offset} }},")?;
    }
    writeln!(source, "],\nprograms: &[")?;
    let mut programs: Vec<_> = object.programs.iter().collect();
    programs.sort_by_key(|(name, _)| *name);
    for (name, program) in programs {
        let kind = match program.section {
            ProgramSection::KProbe => "Kprobe",
            ProgramSection::KRetProbe => "Kretprobe",
            ProgramSection::FEntry { sleepable: false } => "Fentry",
            ProgramSection::FExit { sleepable: false } => "Fexit",
            ProgramSection::RawTracePoint => "RawTracepoint",
            ref other => bail!("{name} is of a kind that is not loaded: {other:?}"),
        };
        let function = object.functions.get(&program.function_key()).context("no such function")?;
        let code = piece(out, &format!("{name}.code"), &code(function))?;
        let functions = function.func_info.func_info_bytes();
        let functions = piece(out, &format!("{name}.functions"), &functions)?;
        writeln!(
            source,
            "ProgramImage {{ name: {name:?}, kind: Kind::{kind}, code: {code}, \
             functions: {functions} }},"
        )?;
    }
    source.push_str("],\n}\n");
    Ok(source)
}

/// Of each global that is there: its name, its section, and where in it it stands.
fn globals(bytes: &[u8]) -> Result<Vec<(&'static str, usize, u64)>> {
    let object = ElfFile64::<Endianness>::parse(bytes)?;
    let mut globals = Vec::new();
    for symbol in object.symbols() {
        let Some(section) = symbol.section_index() else { continue };
        let symbol_name = symbol.name()?;
        if let Some(name) = GLOBALS.into_iter().find(|name| *name == symbol_name) {
            globals.push((name, section.0, symbol.address()));
        }
    }
    Ok(globals)
}

/// Its instructions as the kernel has them (`struct bpf_insn`, include/uapi/linux/bpf.h).
fn code(function: &Function) -> Vec<u8> {
    let encode = |insn: &bpf_insn| {
        let [offset, rest] = insn.off.to_le_bytes();
        let [a, b, c, d] = insn.imm.to_le_bytes();
        [insn.code, insn.dst_reg() | insn.src_reg() << 4, offset, rest, a, b, c, d]
    };
    function.instructions.iter().flat_map(encode).collect()
}

/// Writes a file, and answers the expression that includes it.
fn piece(out: &Path, name: &str, bytes: &[u8]) -> Result<String> {
    if bytes.is_empty() {
        return Ok("&[]".to_owned());
    }
    let path = out.join(format!("image-{name}"));
    fs::write(&path, bytes)?;
    Ok(format!("include_bytes!({path:?})"))
}
