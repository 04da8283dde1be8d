//! Which commit is being built.

use std::env;
use std::path::Path;
use std::process::Command;

/// Says it from outside: who builds from a tarball knows it, and `cargo xtask dist` whether anything was
/// changed since.
const VARIABLE: &str = "OOM_TRACE_COMMIT";

/// What Git calls it, for as long as it is the one that is checked out; nothing in a tarball.
///
/// Builds that are not for release do without: each commit would have them compile the agent again.
pub(crate) fn commit() -> Option<String> {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    if let Ok(commit) = env::var(VARIABLE) {
        return Some(commit).filter(|commit| !commit.is_empty());
    }
    if env::var("PROFILE").as_deref() != Ok("release") {
        return None;
    }
    // A tarball may have been unpacked in a repository of something else.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new("..").canonicalize().ok()? {
        return None;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // Where it says which commit that is: itself, or the branch, which may be among the packed ones.
    let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"])?;
    for name in ["HEAD", branch.as_str(), "packed-refs"] {
        let path = git(&["rev-parse", "--path-format=absolute", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some(commit)
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
