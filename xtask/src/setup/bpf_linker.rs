//! bpf-linker, built on the LLVM of the rustc whose bitcode it links.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::sh;

const VERSION: &str = "0.13.0";

/// The major version of the LLVM in a rustc.
pub(super) fn llvm_of(rustc: &mut Command) -> Result<u32> {
    let verbose = sh::output(rustc.arg("-vV"))?;
    parse_llvm(&verbose).with_context(|| format!("no LLVM version in\n{verbose}"))
}

fn parse_llvm(verbose: &str) -> Option<u32> {
    let version = verbose.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

/// Whether our tools hold this bpf-linker on this LLVM: an upgraded rustc needs a new one.
pub(super) fn is_installed(llvm: u32) -> bool {
    let installs = fs::read_to_string(sh::tools().join(".crates2.json")).unwrap_or_default();
    sh::tools().join("bin/bpf-linker").exists()
        && installs.contains(&format!("\"bpf-linker {VERSION} "))
        && installs.contains(&format!("\"{}\"", feature(llvm)))
}

/// Builds bpf-linker into our tools, with Debian's LLVM.
pub(super) fn install(cargo: &mut Command, llvm: u32) -> Result<()> {
    if is_installed(llvm) {
        return Ok(());
    }
    let prefix = format!("/usr/lib/llvm-{llvm}");
    if !Path::new(&prefix).exists() {
        anyhow::bail!("bpf-linker needs LLVM {llvm}, as its rustc has; there is no {prefix}");
    }
    cargo.env("LLVM_PREFIX", prefix).args(["install", "--force", "bpf-linker"]);
    cargo.args(["--version", VERSION, "--no-default-features", "--features", &feature(llvm)]);
    // LLVM does the work, and is built already: what drives it takes half the time so.
    cargo.envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_DEBUG", "0")]);
    let what = format!("building bpf-linker {VERSION}, the linker of eBPF: a minute or two");
    sh::step(&what, cargo.arg("--root").arg(sh::tools()))
}

fn feature(llvm: u32) -> String {
    format!("llvm-{llvm}")
}

#[cfg(test)]
mod tests {
    use super::parse_llvm;

    #[test]
    fn the_llvm_of_a_rustc_is_its_major_version() {
        assert_eq!(parse_llvm("rustc 1.96.0\nhost: x\nLLVM version: 22.1.8\n"), Some(22));
        assert_eq!(parse_llvm("rustc 1.96.0"), None);
    }
}
