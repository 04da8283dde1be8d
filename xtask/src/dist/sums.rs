//! Checksums of what was made, and their signature.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::setup::tools::RSIGN;
use crate::sh;

/// As `sha256sum --check` reads it.
pub(super) const FILE: &str = "SHA256SUMS";

/// In hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What was made, sorted by name.
pub(super) fn names(out: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(out)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.starts_with("oom-trace"));
    names.sort();
    Ok(names)
}

/// A line for each file.
pub(super) fn write(out: &Path) -> Result<()> {
    let mut sums = String::new();
    for name in names(out)? {
        writeln!(sums, "{}  {name}", sha256(&fs::read(out.join(&name))?))?;
    }
    fs::write(out.join(FILE), sums).with_context(|| format!("cannot write {FILE}"))
}

/// Beside them, as minisign writes it: `minisign -Vm SHA256SUMS -p KEY.pub` checks it.
pub(super) fn sign(out: &Path, key: &Path) -> Result<()> {
    let mut cmd = Command::new(RSIGN.get()?);
    cmd.args(["sign", "-W", "-s"]).arg(key).arg("-x").arg(out.join(format!("{FILE}.minisig")));
    cmd.args(["-t", &format!("oom-trace {}", env!("CARGO_PKG_VERSION"))]);
    sh::run(cmd.arg(out.join(FILE)))
}
