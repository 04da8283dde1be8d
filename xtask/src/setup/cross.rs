//! Building for another architecture: Debian's rustc, with that architecture's standard library
//! unpacked among our own tools, and Debian's cross compiler to link.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{apt, debian};
use crate::sh::{self, say};
use crate::vm::arch::Arch;
use crate::vm::archive::{self, Package, Suite};

/// The libraries of rustc's own, each in a folder called after its target.
const LIBRARIES: &str = "lib/rustlib";

/// The variable that cargo takes this of for the architecture: `LINKER`, `RUSTFLAGS`.
pub(crate) fn variable(arch: &Arch, name: &str) -> String {
    format!("CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_{name}", arch.rust.to_ascii_uppercase())
}

/// `cargo rustc` for the architecture, into the folder; installs what that takes.
pub(crate) fn cargo_rustc(arch: &Arch, folder: &Path) -> Result<Command> {
    let Arch { debian, rust, gnu, .. } = arch;
    apt::install(&[
        &format!("gcc-{}", gnu.replace('_', "-")),
        &format!("libc6-dev-{debian}-cross"),
    ])?;
    let sysroot = sysroot(arch).with_context(|| format!("cannot build for {debian}"))?;
    let target = format!("{rust}-unknown-linux-gnu");
    let mut cmd = debian::cargo();
    cmd.env(variable(arch, "LINKER"), format!("{gnu}-gcc"));
    cmd.env(variable(arch, "RUSTFLAGS"), format!("--sysroot={}", sysroot.display()));
    cmd.env_remove("CARGO_TERM_QUIET").current_dir(sh::root());
    cmd.args(["rustc", "--target", &target, "--target-dir"]).arg(folder);
    Ok(cmd)
}

/// A root for rustc that has the architecture's standard library, of rustc's own version.
fn sysroot(arch: &Arch) -> Result<PathBuf> {
    let (name, version) = debian::standard_library()?;
    let root = sh::tools().join(format!("std-{}-{version}", arch.debian));
    let sysroot = root.join("usr");
    if root.exists() {
        return Ok(sysroot);
    }
    let (suite, packages) = find(arch, name, &version)?;
    let scratch = tempfile::tempdir_in(sh::tools())?;
    for package in packages {
        say(format!("{}: {} {}", arch.debian, package.name, package.version));
        suite.extract(&package, scratch.path())?;
    }
    let ours = format!("{LIBRARIES}/{}-unknown-linux-gnu", std::env::consts::ARCH);
    symlink(Path::new("/usr").join(&ours), scratch.path().join("usr").join(&ours))?;
    fs::rename(scratch.path(), &root)?;
    Ok(sysroot)
}

/// The package of this version with what it needs of its own source, in whichever of this
/// machine's suites has it.
fn find(arch: &Arch, name: &str, version: &str) -> Result<(Suite, Vec<Package>)> {
    for suite in apt::suites()? {
        // Not all that apt installs from is Debian's.
        let Ok(suite) = archive::open(&suite) else { continue };
        let mut packages = suite.packages(arch)?;
        packages.retain(|package| package.version == version);
        if packages.iter().any(|package| package.name == name) {
            return Ok((suite, archive::closure(&packages, &[name])));
        }
    }
    bail!("no suite of this machine's apt sources has {name} {version} for {}", arch.debian)
}
