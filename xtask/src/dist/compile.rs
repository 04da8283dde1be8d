//! The agent as it is released, and its manual.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::sources::{self, Source};
use super::work;
use crate::artifacts::{self, Binary};
use crate::setup::cross;
use crate::setup::tools::CARGO_AUDITABLE;
use crate::sh::{self, say};
use crate::vm::arch::Arch;

/// What the source's folder is called in the binary.
const ROOT: &str = "/oom-trace";
/// The same of the folder that crates.io's packages lie in.
const REGISTRY: &str = "/crates";

/// Builds it, static and with the list of its dependencies within.
pub(super) fn agent(arch: &Arch, source: &Source) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", arch.rust);
    let folder = work().join("cargo").join(arch.debian);
    let mut cmd = if arch.is_ours() {
        let mut cmd = sh::cargo(&["rustc", "--target", &target, "--target-dir"]);
        cmd.arg(&folder);
        cmd
    } else {
        cross::cargo_rustc(arch, &folder)?
    };
    let flags = cross::variable(arch, "RUSTFLAGS");
    let given = cmd.get_envs().find(|(name, _)| *name == OsStr::new(&flags));
    let given = given.and_then(|(_, value)| value).unwrap_or_default().to_string_lossy();
    let mapped = [given.into_owned(), remaps()?.join(" ")].join(" ");
    cmd.env(flags, mapped.trim());
    cmd.env(sources::COMMIT, &source.commit).env(sources::EPOCH, source.epoch.to_string());
    let agent = artifacts::build_with(audited(&cmd)?, Binary::AGENT)?;
    if arch.is_ours() {
        let says = sh::output(Command::new(&agent).arg("--version"))?;
        say(says.trim());
        ensure!(says.contains(&source.commit) && says.contains(&target), "this is another build");
    }
    Ok(agent)
}

/// Folders that differ from machine to machine, and what they are called instead.
fn remaps() -> Result<Vec<String>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let registry = home.context("no home folder, so no CARGO_HOME")?.join("registry/src");
    let mut remaps = vec![format!("--remap-path-prefix={}={ROOT}", sh::root().display())];
    // One for each place that packages come from.
    for entry in
        fs::read_dir(&registry).with_context(|| format!("cannot read {}", registry.display()))?
    {
        remaps.push(format!("--remap-path-prefix={}={REGISTRY}", entry?.path().display()));
    }
    remaps.sort();
    Ok(remaps)
}

/// The same command through cargo-auditable.
fn audited(cmd: &Command) -> Result<Command> {
    let mut audited = Command::new(CARGO_AUDITABLE.get()?);
    audited.arg("auditable").args(cmd.get_args()).current_dir(sh::root());
    for (name, value) in cmd.get_envs() {
        match value {
            Some(value) => audited.env(name, value),
            None => audited.env_remove(name),
        };
    }
    audited.env("CARGO", cmd.get_program());
    Ok(audited)
}

/// The manual pages and the shells' completions, in a folder like `/usr/share`.
pub(super) fn pages() -> Result<PathBuf> {
    let out = work().join("share");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let mut cmd = sh::cargo(&["run", "--package=oom-trace", "--example=pages", "--"]);
    sh::run(cmd.arg(&out))?;
    Ok(out)
}
