//! Debian packages: what is installed, what could be, and getting it.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::sh;

/// Whether this machine has apt.
pub(crate) fn exists() -> bool {
    which::which("apt-get").is_ok() && which::which("dpkg-query").is_ok()
}

/// Those of the packages that are not installed.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    // It fails when it knows none of them, and still lists the others.
    let out = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status} ${Package}\n"])
        .args(packages)
        .output()
        .context("cannot start dpkg-query")?;
    let known = String::from_utf8_lossy(&out.stdout).into_owned();
    let installed = |package: &&str| {
        !known.lines().any(|line| line.strip_prefix("installed ") == Some(*package))
    };
    Ok(packages.iter().copied().filter(installed).collect())
}

/// The version that would be installed, if the package exists.
pub(crate) fn candidate(package: &str) -> Result<Option<String>> {
    if let Some(version) = look_up(package) {
        return Ok(Some(version));
    }
    if lists()?.is_empty() {
        update()?;
    }
    Ok(look_up(package))
}

/// The repositories this machine installs from, in the order of its sources.
pub(crate) fn repositories() -> Result<Vec<String>> {
    if lists()?.is_empty() {
        update()?;
    }
    lists()
}

/// Installs what is missing of the packages, and says so.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        if candidate(package)?.is_none() {
            bail!("Debian's archive, as this machine knows it, has no package {package}");
        }
    }
    let mut cmd = sh::as_root("env");
    cmd.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--quiet"]);
    sh::run(cmd.arg("--no-install-recommends").args(missing))
}

fn look_up(package: &str) -> Option<String> {
    let mut cmd = Command::new("apt-cache");
    let shown = sh::output(cmd.args(["show", "--no-all-versions", package])).ok()?;
    shown.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned)
}

/// The repositories whose lists are here; none on a machine that never ran `apt-get update`.
fn lists() -> Result<Vec<String>> {
    let mut cmd = Command::new("apt-get");
    cmd.args(["indextargets", "--format=$(REPO_URI)", "Created-By: Packages"]);
    let mut repositories: Vec<String> = Vec::new();
    for line in sh::output(&mut cmd)?.lines() {
        if !repositories.iter().any(|known| known == line) {
            repositories.push(line.to_owned());
        }
    }
    Ok(repositories)
}

fn update() -> Result<()> {
    sh::run(sh::as_root("apt-get").args(["update", "--quiet"]))
}
