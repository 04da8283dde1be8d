//! What is being released: which commit, and of when.

use std::env;

use anyhow::{Context as _, Result};

use crate::sh;

/// As `https://reproducible-builds.org/specs/source-date-epoch/` has it.
pub(super) const EPOCH: &str = "SOURCE_DATE_EPOCH";
/// What `oom-trace/build.rs` takes.
pub(super) const COMMIT: &str = "OOM_TRACE_COMMIT";

#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its commit, with `-dirty` where files were changed since; empty in a tarball.
    pub(super) commit: String,
    /// Seconds since 1970, of the commit: the only time that what is made has in it.
    pub(super) epoch: u64,
}

impl Source {
    /// By Git, or where there is none by the variables.
    pub(super) fn here() -> Result<Self> {
        let git = |args: &[&str]| {
            let mut cmd = std::process::Command::new("git");
            sh::output(cmd.args(args).current_dir(sh::root())).map(|text| text.trim().to_owned())
        };
        let commit = match env::var(COMMIT) {
            Ok(commit) => commit,
            Err(_) => match git(&["rev-parse", "--short=12", "HEAD"]) {
                Ok(commit) if git(&["status", "--porcelain"])?.is_empty() => commit,
                Ok(commit) => format!("{commit}-dirty"),
                Err(_) => String::new(),
            },
        };
        let epoch = match env::var(EPOCH) {
            Ok(epoch) => epoch,
            Err(_) => git(&["log", "-1", "--format=%ct"])
                .with_context(|| format!("no commit says of when this is; set {EPOCH}"))?,
        };
        let epoch = epoch.parse().with_context(|| format!("{EPOCH} is no number: {epoch}"))?;
        Ok(Self { commit, epoch })
    }

    /// By `date(1)`.
    pub(super) fn time(&self, format: &str) -> Result<String> {
        let mut cmd = std::process::Command::new("date");
        cmd.env("LC_ALL", "C").args(["--utc", &format!("--date=@{}", self.epoch), format]);
        Ok(sh::output(&mut cmd)?.trim().to_owned())
    }
}
