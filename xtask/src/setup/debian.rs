//! Debian's own rustc, whose archive holds `core` for the eBPF target ready built.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::{apt, bpf_linker};
use crate::sh;

/// The toolchain's name where there is no rustup: whatever cargo is on the path.
pub(crate) const SYSTEM: &str = "system";
/// The name rustup knows Debian's toolchain by.
const LINKED: &str = "debian-bpf";
/// The oldest rustc that builds the workspace.
const OLDEST: (u32, u32) = (1, 95);

/// The packages of one of the rustcs in Debian's archive.
struct Rust {
    rustc: &'static str,
    cargo: &'static str,
    std: &'static str,
    core: &'static str,
    clippy: &'static str,
}

/// Stable releases carry a newer rustc beside their own, for the browsers' sake.
const RUSTS: &[Rust] = &[
    Rust {
        rustc: "rustc",
        cargo: "cargo",
        std: "libstd-rust-dev",
        core: "libstd-rust-dev-bpf",
        clippy: "rust-clippy",
    },
    Rust {
        rustc: "rustc-web",
        cargo: "cargo-web",
        std: "libstd-rust-web-dev",
        core: "libstd-rust-web-dev-bpf",
        clippy: "rust-web-clippy",
    },
];

/// What bpf-linker, written in Rust around LLVM's C++, links with.
const LIBRARIES: &[&str] = &["g++", "zlib1g-dev", "libzstd-dev"];

/// See [`super::Way::ready`].
pub(super) fn ready() -> Result<Option<String>> {
    if !apt::exists() || !Path::new(RUSTC).exists() {
        return Ok(None);
    }
    let cores: Vec<_> = RUSTS.iter().map(|rust| rust.core).collect();
    if apt::missing(&cores)?.len() == cores.len() {
        return Ok(None);
    }
    let llvm = bpf_linker::llvm_of(&mut Command::new(RUSTC))?;
    let name = if has_rustup() { LINKED } else { SYSTEM };
    Ok((bpf_linker::is_installed(llvm) && (!has_rustup() || is_linked()?)).then(|| name.into()))
}

/// See [`super::Way::install`].
pub(super) fn install() -> Result<String> {
    let rust = choose()?;
    apt::install(&[rust.rustc, rust.cargo, rust.core])?;
    let llvm = bpf_linker::llvm_of(&mut Command::new(RUSTC))?;
    let (dev, polly) = (format!("llvm-{llvm}-dev"), format!("libpolly-{llvm}-dev"));
    apt::install(&[LIBRARIES, &[dev.as_str(), polly.as_str()]].concat())?;
    if has_rustup() && !is_linked()? {
        sh::run(Command::new("rustup").args(["toolchain", "link", LINKED, "/usr"]))?;
    }
    bpf_linker::install(&mut cargo(), llvm)?;
    Ok(if has_rustup() { LINKED } else { SYSTEM }.into())
}

/// Debian's own cargo and rustc.
pub(super) fn cargo() -> Command {
    let mut cmd = Command::new("/usr/bin/cargo");
    // rustup's variables would lead it to rustup's rustc.
    cmd.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env("RUSTC", RUSTC);
    cmd
}

/// The installed package of the standard library that Debian's rustc builds with, and its version.
pub(super) fn standard_library() -> Result<(&'static str, String)> {
    match present()? {
        Some((rust, version)) => Ok((rust.std, version)),
        None => bail!("Debian's rustc is not installed here; `cargo xtask setup` says why"),
    }
}

/// The one that is installed, and its version.
fn present() -> Result<Option<(&'static Rust, String)>> {
    for rust in RUSTS {
        if let Some(version) = apt::installed(rust.std)? {
            return Ok(Some((rust, version)));
        }
    }
    Ok(None)
}

/// Installs the clippy that belongs to Debian's rustc.
pub(super) fn install_clippy() -> Result<()> {
    let rust = match present()? {
        Some((rust, _)) => rust,
        None => choose()?,
    };
    apt::install(&[rust.clippy])
}

/// Whether the toolchain of this name is Debian's.
pub(super) fn is_ours(toolchain: &str) -> bool {
    [LINKED, SYSTEM].contains(&toolchain)
}

const RUSTC: &str = "/usr/bin/rustc";

fn choose() -> Result<&'static Rust> {
    if !apt::exists() {
        bail!("no apt-get here: not Debian");
    }
    let mut seen = Vec::new();
    for rust in RUSTS {
        let version = apt::candidate(rust.rustc);
        if version.as_deref().is_some_and(is_new_enough) {
            return Ok(rust);
        }
        seen.push(format!("{} {}", rust.rustc, version.as_deref().unwrap_or("does not exist")));
    }
    let (major, minor) = OLDEST;
    bail!("it has no rustc of {major}.{minor} or newer: {}", seen.join(", "))
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '+', '~', '-']).map(str::parse);
    matches!((numbers.next(), numbers.next()),
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST)
}

fn has_rustup() -> bool {
    which::which("rustup").is_ok()
}

fn is_linked() -> Result<bool> {
    let list = sh::output(Command::new("rustup").args(["toolchain", "list"]))?;
    Ok(list.lines().any(|line| line.split_whitespace().next() == Some(LINKED)))
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn debian_versions_compare_with_the_oldest() {
        assert!(is_new_enough("1.96.0+dfsg1-1~deb12u2"));
        assert!(is_new_enough("1.95.0"));
        assert!(!is_new_enough("1.63.0+dfsg1-2"));
        assert!(!is_new_enough("unknown"));
    }
}
