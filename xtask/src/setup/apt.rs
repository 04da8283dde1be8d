//! Debian packages: what is installed, what could be, and getting it.

use std::process::Command;
use std::sync::Once;

use anyhow::{Context as _, Result, bail};

use super::consent;
use crate::sh::{self, say};

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

/// The version that is installed, if any is.
pub(crate) fn installed(package: &str) -> Result<Option<String>> {
    if !missing(&[package])?.is_empty() {
        return Ok(None);
    }
    let mut cmd = Command::new("dpkg-query");
    sh::output(cmd.args(["--show", "--showformat=${Version}", package])).map(Some)
}

/// The version that would be installed, if the package exists.
pub(crate) fn candidate(package: &str) -> Option<String> {
    refresh();
    look_up(package)
}

/// The repositories this machine installs from, in the order of its sources.
pub(crate) fn repositories() -> Result<Vec<String>> {
    sources("REPO_URI")
}

/// The suites this machine installs from.
pub(crate) fn suites() -> Result<Vec<String>> {
    sources("RELEASE")
}

fn sources(what: &str) -> Result<Vec<String>> {
    if lists(what)?.is_empty() {
        update()?;
    }
    lists(what)
}

/// The tests need the programs, nobody the services that come with some of them
/// (`policy-rc.d`: what invoke-rc.d(8) asks).
const INSTALL: &str = "
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\\nexit 101\\n' > $policy
    trap 'rm $policy' EXIT
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --quiet --no-install-recommends \"$@\"
";

/// Installs what is missing of the packages, without starting anything, and says so.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        if candidate(package).is_none() {
            bail!("Debian's archive, as this machine knows it, has no package {package}");
        }
    }
    consent::ask(&plan(&missing))?;
    let mut cmd = sh::as_root("sh");
    cmd.args(["-c", INSTALL, "sh"]).args(&missing);
    sh::step(&format!("installing {}", missing.join(" ")), &mut cmd)
}

/// What installing them comes to: apt's own sum, with what they need themselves.
fn plan(missing: &[&str]) -> String {
    let mut cmd = Command::new("apt-get");
    cmd.args(["install", "--assume-no", "--no-install-recommends"]).args(missing);
    // It ends as if it had failed.
    let said = cmd.env("LC_ALL", "C").output().map(|out| out.stdout).unwrap_or_default();
    summary(missing, &String::from_utf8_lossy(&said))
}

fn summary(missing: &[&str], said: &str) -> String {
    let count =
        said.lines().find_map(|line| line.split_once(" newly installed")?.0.rsplit(' ').next());
    // As apt-get says it, and as apt does from 3.0 on.
    let says = ["Need to get ", "After this operation, ", "Download size: ", "Space needed: "];
    let sizes = said.lines().map(str::trim);
    let sizes = sizes.filter(|line| says.iter().any(|word| line.starts_with(word)));
    let sizes = sizes.map(|line| format!("\n  {line}")).collect::<String>();
    let count = count.map_or_else(|| missing.len().to_string(), str::to_owned);
    let packages = if count == "1" { "package" } else { "packages" };
    format!("This installs {count} Debian {packages}, for {}:{sizes}", missing.join(" "))
}

/// Brings the lists up to date, once: those of a machine's image may be a year old, and name
/// packages that the archive has no longer. Without a network they serve as they are.
fn refresh() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        if let Err(err) = update() {
            say(format!("the package lists stay as they are: {err:#}"));
        }
    });
}

fn look_up(package: &str) -> Option<String> {
    let mut cmd = Command::new("apt-cache");
    let shown = sh::output(cmd.args(["show", "--no-all-versions", package])).ok()?;
    shown.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned)
}

/// What the lists here say of themselves; nothing on a machine that never ran `apt-get update`.
fn lists(what: &str) -> Result<Vec<String>> {
    let mut cmd = Command::new("apt-get");
    cmd.args(["indextargets", &format!("--format=$({what})"), "Created-By: Packages"]);
    let mut known: Vec<String> = Vec::new();
    for line in sh::output(&mut cmd)?.lines() {
        if !known.iter().any(|known| known == line) {
            known.push(line.to_owned());
        }
    }
    Ok(known)
}

fn update() -> Result<()> {
    let mut cmd = sh::as_root("apt-get");
    sh::step("bringing the package lists up to date", cmd.args(["update", "--quiet"]))
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn what_apt_counts_is_said_before() {
        let said = "0 upgraded, 19 newly installed, 0 to remove and 3 not upgraded.\n\
                    Need to get 213 MB of archives.\n\
                    After this operation, 1200 MB of additional disk space will be used.\n\
                    Do you want to continue? [Y/n] N\nAbort.\n";
        assert_eq!(
            summary(&["llvm-19-dev", "g++"], said),
            "This installs 19 Debian packages, for llvm-19-dev g++:\n  Need to get 213 MB of archives.\n  \
             After this operation, 1200 MB of additional disk space will be used."
        );
        assert_eq!(summary(&["g++"], ""), "This installs 1 Debian package, for g++:");
    }
}
