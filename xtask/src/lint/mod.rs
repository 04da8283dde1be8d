//! Everything that reads the source rather than runs it.

mod circles;
mod imports;
mod members;
mod promises;
mod sources;
mod tokens;

use std::process::Command;

use anyhow::{Result, bail};

use crate::setup::tools::{self, CARGO_DENY, TYPOS};
use crate::sh::{self, say};

/// Runs every check, and fails after the last when any failed.
pub(crate) fn run(toolchain: &str) -> Result<()> {
    let mut failed = Vec::new();
    let mut check = |name: &'static str, result: Result<()>| {
        if let Err(err) = result {
            say(format!("{err:#}"));
            failed.push(name);
        }
    };
    check("our own rules", own_rules());
    check("format", sh::run(&mut sh::cargo(&["fmt", "--all", "--check"])));
    check("spelling", TYPOS.get().and_then(|typos| sh::run(in_root(&mut Command::new(typos)))));
    check("clippy", sh::run(&mut clippy()));
    check("clippy for small machines", sh::run(&mut small()));
    check("clippy for eBPF", ebpf_clippy(toolchain));
    check("documentation", sh::run(&mut documentation()));
    check("dependencies", dependencies());
    if !failed.is_empty() {
        bail!("lint failed: {}", failed.join(", "));
    }
    say("lint: ok");
    Ok(())
}

fn own_rules() -> Result<()> {
    say("own rules: imports, unsafe code, file sizes, inherited lints, promises");
    let mut found = sources::check(&sh::root())?;
    found.extend(members::check()?);
    found.extend(promises::check(&sh::root())?);
    if !found.is_empty() {
        bail!("{}", found.join("\n"));
    }
    Ok(())
}

fn clippy() -> Command {
    let mut cmd = sh::cargo(&["clippy", "--all-targets"]);
    cmd.args(["--", "-D", "warnings"]);
    cmd
}

/// The agent without what it needs for the network.
fn small() -> Command {
    let mut cmd = sh::cargo(&["clippy", "--package=oom-trace", "--no-default-features"]);
    cmd.args(["--", "-D", "warnings"]);
    cmd
}

/// The eBPF crate builds for its own target only, with its own toolchain.
fn ebpf_clippy(toolchain: &str) -> Result<()> {
    let mut cmd = tools::ebpf_clippy(toolchain)?;
    cmd.env("RUSTFLAGS", format!("--cfg bpf_target_arch=\"{}\"", std::env::consts::ARCH));
    cmd.args(["--release", "--package=oom-trace-ebpf", "--target=bpfel-unknown-none"]);
    cmd.arg("--target-dir").arg(sh::root().join("target/ebpf-lint"));
    sh::run(cmd.args(["--", "-D", "warnings"]))
}

fn documentation() -> Command {
    let mut cmd = sh::cargo(&["doc", "--no-deps", "--document-private-items"]);
    cmd.env("RUSTDOCFLAGS", "-D warnings");
    cmd
}

/// Advisories are left out: their database is beyond package registries.
fn dependencies() -> Result<()> {
    let mut cmd = Command::new(CARGO_DENY.get()?);
    say("dependencies: licences, bans and sources; advisories need a download of their own");
    sh::run(in_root(&mut cmd).args(["check", "licenses", "bans", "sources"]))
}

fn in_root(cmd: &mut Command) -> &mut Command {
    cmd.current_dir(sh::root())
}
