//! The packages: what is in them is said in `oom-trace/Cargo.toml`.

use std::process::Command;

use anyhow::Result;

use super::{Release, sources};
use crate::setup::tools::{CARGO_DEB, CARGO_GENERATE_RPM, Tool};
use crate::sh;

/// For Debian and what descends from it.
pub(super) fn deb(release: &Release<'_>) -> Result<()> {
    let mut cmd = tool(release, &CARGO_DEB, "deb")?;
    cmd.args(["--package=oom-trace", "--no-build", "--no-strip", "--quiet", "--target"]);
    cmd.arg(format!("{}-unknown-linux-gnu", release.arch.rust));
    sh::run(cmd.arg("--output").arg(release.file(".deb")))
}

/// For Fedora, SUSE and what descends from them.
pub(super) fn rpm(release: &Release<'_>) -> Result<()> {
    let mut cmd = tool(release, &CARGO_GENERATE_RPM, "generate-rpm")?;
    cmd.args(["--package=oom-trace", "--auto-req=disabled", "--arch", release.arch.rust]);
    sh::run(cmd.arg("--output").arg(release.file(".rpm")))
}

fn tool(release: &Release<'_>, tool: &Tool, name: &str) -> Result<Command> {
    let mut cmd = Command::new(tool.get()?);
    cmd.arg(name).current_dir(sh::root());
    cmd.env(sources::EPOCH, release.source.epoch.to_string());
    Ok(cmd)
}
