//! The programs that the tests of delivery deliver to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{apt, tools};
use crate::sh::{self, say};

/// A program of each, and Debian's package of it.
const PROGRAMS: &[(&str, &str)] = &[
    ("rsyslogd", "rsyslog"),
    ("openssl", "openssl"),
    ("journalctl", "systemd"),
    ("unshare", "util-linux"),
    ("prometheus", "prometheus"),
    ("logrotate", "logrotate"),
    ("python3", "python3"),
];

/// What is no program: rsyslog's TLS.
const PACKAGES: &[&str] = &["rsyslog-openssl"];

/// The collector of OpenTelemetry, a binary within a package of PyPI.
const ROTEL: &str = "rotel";
const ROTEL_VERSION: &str = "0.0.1a15";

/// Installs what is missing of them.
pub(crate) fn install() -> Result<()> {
    tools::programs(PROGRAMS)?;
    if apt::exists() {
        apt::install(PACKAGES)?;
    }
    rotel().context("cannot get the collector")
}

fn rotel() -> Result<()> {
    let binary = sh::tools().join("rotel-agent");
    let version = sh::tools().join("rotel-agent.version");
    if binary.exists() && fs::read_to_string(&version).is_ok_and(|is| is == ROTEL_VERSION) {
        return Ok(());
    }
    say(format!("{ROTEL} {ROTEL_VERSION}"));
    let scratch = tempfile::tempdir_in(sh::tools())?;
    let python = || Command::new("python3");
    if !python().args(["-m", "pip", "--version"]).output().is_ok_and(|it| it.status.success()) {
        apt::install(&["python3-pip"])?;
    }
    // Whatever Python this is: only the binary is of interest.
    let mut cmd = python();
    cmd.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
    cmd.args(["--platform", "manylinux_2_34_x86_64", "--python-version", "3.11", "--dest"]);
    sh::run(cmd.arg(scratch.path()).arg(format!("{ROTEL}=={ROTEL_VERSION}")))?;
    let wheel = fs::read_dir(scratch.path())?.next().context("pip brought nothing")??.path();
    sh::run(python().args(["-m", "zipfile", "-e"]).arg(wheel).arg(scratch.path()))?;
    let unpacked = scratch.path().join("rotel/rotel-agent");
    if !unpacked.exists() {
        bail!("the package has no rotel/rotel-agent");
    }
    fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755))?;
    fs::rename(unpacked, binary)?;
    fs::write(version, ROTEL_VERSION)?;
    Ok(())
}
