//! Tools that one subcommand needs, fetched when it runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{apt, debian, nightly};
use crate::sh;

/// A tool from crates.io, kept among our own.
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    binary: &'static str,
}

/// Checks licences and sources of dependencies.
pub(crate) const CARGO_DENY: Tool =
    Tool { package: "cargo-deny", version: "0.20.2", binary: "cargo-deny" };
/// Writes what the agent depends on into its binary.
pub(crate) const CARGO_AUDITABLE: Tool =
    Tool { package: "cargo-auditable", version: "0.7.7", binary: "cargo-auditable" };
/// Lists what the agent depends on.
pub(crate) const CARGO_CYCLONEDX: Tool =
    Tool { package: "cargo-cyclonedx", version: "0.5.9", binary: "cargo-cyclonedx" };
/// Makes Debian's packages.
pub(crate) const CARGO_DEB: Tool =
    Tool { package: "cargo-deb", version: "3.8.0", binary: "cargo-deb" };
/// Makes RPM packages.
pub(crate) const CARGO_GENERATE_RPM: Tool =
    Tool { package: "cargo-generate-rpm", version: "0.21.1", binary: "cargo-generate-rpm" };
/// Signs as minisign does.
pub(crate) const RSIGN: Tool = Tool { package: "rsign2", version: "0.6.7", binary: "rsign" };
/// Finds spelling mistakes.
pub(crate) const TYPOS: Tool = Tool { package: "typos-cli", version: "1.52.0", binary: "typos" };
/// Reads saved logs, too: the benchmark has it beside ours.
pub(crate) const OOM_ANALYZE: Tool =
    Tool { package: "linux-oom-parser", version: "0.4.0", binary: "oom-analyze" };

impl Tool {
    /// What it is called, with its version.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    /// The tool's path, installed first where it is missing or of another version.
    pub(crate) fn get(&self) -> Result<PathBuf> {
        let Self { package, version, binary } = self;
        let path = sh::tools().join("bin").join(binary);
        let installs = fs::read_to_string(sh::tools().join(".crates2.json")).unwrap_or_default();
        if !path.exists() || !installs.contains(&format!("\"{package} {version} ")) {
            let mut cmd = sh::cargo(&["install", "--locked", package, "--version", version]);
            let what = format!("building {}, a tool of this project's own", self.name());
            sh::step(&what, cmd.arg("--root").arg(sh::tools()))?;
        }
        Ok(path)
    }
}

/// Installs Debian packages whose programs a subcommand runs.
pub(crate) fn programs(needed: &[(&str, &str)]) -> Result<()> {
    let missing = needed.iter().filter(|(program, _)| which::which(program).is_err());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if !apt::exists() {
        bail!(
            "missing programs, of Debian's packages {}: please install them",
            packages.join(", ")
        );
    }
    apt::install(&packages)
}

/// A cargo of the eBPF toolchain, clippy included.
pub(crate) fn ebpf_clippy(toolchain: &str) -> Result<Command> {
    if debian::is_ours(toolchain) {
        debian::install_clippy()?;
    } else {
        nightly::install_clippy()?;
    }
    let mut cmd = if toolchain == debian::SYSTEM {
        Command::new("/usr/bin/cargo")
    } else {
        let mut cmd = Command::new("rustup");
        cmd.args(["run", toolchain, "cargo"]);
        cmd
    };
    // Both would lead it back to the cargo that runs us.
    cmd.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO_TERM_QUIET");
    cmd.arg("clippy").current_dir(sh::root());
    Ok(cmd)
}
