//! A nightly toolchain of rustup's, which builds `core` from source.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{apt, bpf_linker};
use crate::sh;

const TOOLCHAIN: &str = "nightly";

/// See [`super::Way::ready`].
pub(super) fn ready() -> Result<Option<String>> {
    if which::which("rustup").is_err() || !has_source() {
        return Ok(None);
    }
    let llvm = llvm()?;
    Ok(bpf_linker::is_installed(llvm).then(|| TOOLCHAIN.into()))
}

/// See [`super::Way::install`].
pub(super) fn install() -> Result<String> {
    if which::which("rustup").is_err() {
        bail!("no rustup on the path");
    }
    if !has_source() {
        let mut cmd = Command::new("rustup");
        cmd.args(["toolchain", "install", TOOLCHAIN, "--profile=minimal", "--component=rust-src"]);
        let what = "downloading rustup's nightly with rust-src";
        sh::step(what, &mut cmd).context("rustup could not download it")?;
    }
    let llvm = llvm()?;
    if apt::exists() {
        let (dev, polly) = (format!("llvm-{llvm}-dev"), format!("libpolly-{llvm}-dev"));
        apt::install(&["g++", "zlib1g-dev", "libzstd-dev", &dev, &polly])?;
    }
    let mut rustup = Command::new("rustup");
    bpf_linker::install(rustup.args(["run", TOOLCHAIN, "cargo"]).env_remove("CARGO"), llvm)?;
    Ok(TOOLCHAIN.into())
}

/// Adds clippy to the toolchain.
pub(super) fn install_clippy() -> Result<()> {
    sh::run(Command::new("rustup").args(["component", "add", "clippy", "--toolchain", TOOLCHAIN]))
}

fn has_source() -> bool {
    let mut cmd = Command::new("rustup");
    let list = sh::output(cmd.args(["component", "list", "--installed", "--toolchain", TOOLCHAIN]));
    list.is_ok_and(|list| list.lines().any(|line| line == "rust-src"))
}

fn llvm() -> Result<u32> {
    bpf_linker::llvm_of(Command::new("rustup").args(["run", TOOLCHAIN, "rustc"]))
}
