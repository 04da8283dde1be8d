//! Whether somebody else who builds the commit gets the same bytes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::sources::{self, Source};
use super::sums;
use crate::sh::{self, say};

/// Another folder gets what is committed, and nothing else.
pub(super) fn is_committed(source: &Source) -> Result<()> {
    let whole = !source.commit.is_empty() && !source.commit.ends_with("-dirty");
    ensure!(whole, "only a commit can be built again: commit what was changed first");
    Ok(())
}

/// Builds the commit in a folder of another name, and compares.
pub(super) fn again(source: &Source, targets: &[String], out: &Path) -> Result<()> {
    let scratch = tempfile::Builder::new().prefix("oom-trace-built-again-").tempdir()?;
    let root = scratch.path().join("a-folder-of-another-name");
    fs::create_dir_all(root.join("target"))?;
    let unpack = "git archive --format=tar HEAD | tar --extract --directory \"$0\"";
    sh::run(Command::new("sh").args(["-c", unpack]).arg(&root).current_dir(sh::root()))?;
    symlink(sh::tools(), root.join("target/tools"))?;
    let theirs = scratch.path().join("dist");
    let mut cmd = sh::cargo(&["xtask", "dist", "--out"]);
    cmd.arg(&theirs).current_dir(&root).env(sources::COMMIT, &source.commit);
    cmd.env(sources::EPOCH, source.epoch.to_string());
    for target in targets {
        cmd.args(["--target", target]);
    }
    sh::run(&mut cmd)?;
    let mut different = Vec::new();
    for name in sums::names(out)? {
        let read = |folder: &Path| {
            fs::read(folder.join(&name)).with_context(|| format!("no {name} the second time"))
        };
        if read(out)? != read(&theirs)? {
            different.push(name);
        }
    }
    if !different.is_empty() {
        let kept = scratch.keep();
        bail!("not the same twice: {}; see {}", different.join(", "), kept.display());
    }
    say("built twice, in two folders: the same bytes");
    Ok(())
}
