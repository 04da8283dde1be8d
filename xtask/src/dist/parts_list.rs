//! What the agent is made of, as CycloneDX has it (SBOM).

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Release, sources};
use crate::setup::tools::CARGO_CYCLONEDX;
use crate::sh;

/// What the tool calls its file, beside the package's `Cargo.toml`.
const WRITTEN: &str = "oom-trace-parts";

/// Writes it.
pub(super) fn write(release: &Release<'_>) -> Result<()> {
    let mut cmd = Command::new(CARGO_CYCLONEDX.get()?);
    cmd.args(["cyclonedx", "--manifest-path=oom-trace/Cargo.toml", "--format=json", "--quiet"]);
    cmd.args(["--spec-version=1.5", "--override-filename", WRITTEN, "--target"]);
    cmd.arg(format!("{}-unknown-linux-gnu", release.arch.rust)).current_dir(sh::root());
    sh::run(cmd.env(sources::EPOCH, release.source.epoch.to_string()))?;
    let mut ours = None;
    // It writes one for each package of the workspace.
    for package in ["oom-trace", "oom-trace-common", "oom-trace-ebpf", "xtask"] {
        let path = sh::root().join(package).join(format!("{WRITTEN}.json"));
        if let Ok(text) = fs::read_to_string(&path) {
            fs::remove_file(&path)?;
            if package == "oom-trace" {
                ours = Some(text);
            }
        }
    }
    // It names packages of the workspace by where they lie.
    let text = ours.context("cargo-cyclonedx wrote nothing")?;
    let text = text.replace(&sh::root().display().to_string(), "/oom-trace");
    let path = release.file(".cdx.json");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
