//! Building our binaries static, so that they run on any distribution and in a bare guest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::Message;

use crate::parts::Timer;
use crate::setup::cross;
use crate::sh;
use crate::vm::arch::Arch;

/// A binary of the workspace.
pub(crate) struct Binary {
    name: &'static str,
    /// The cargo arguments that select it.
    select: &'static [&'static str],
}

impl Binary {
    /// The agent.
    pub(crate) const AGENT: Self = Self {
        name: "oom-trace",
        select: &["--package=oom-trace", "--bin=oom-trace", "--release"],
    };
    /// The agent's tests that need a kernel of their own.
    pub(crate) const GUEST_TESTS: Self =
        Self { name: "guest", select: &["--package=oom-trace", "--test=guest", "--profile=test"] };
    /// The guest's first process.
    pub(crate) const GUEST_INIT: Self =
        Self { name: "guest-init", select: &["--package=xtask", "--bin=guest-init"] };
    /// What measures tools in the guest.
    pub(crate) const GUEST_BENCH: Self =
        Self { name: "guest-bench", select: &["--package=xtask", "--bin=guest-bench"] };
}

/// Builds the binary for this machine; answers where it is.
pub(crate) fn build(binary: Binary) -> Result<PathBuf> {
    build_with(sh::cargo(&["rustc"]), binary)
}

/// Builds the binary for the architecture; answers where it is.
pub(crate) fn build_for(arch: &Arch, binary: Binary) -> Result<PathBuf> {
    if arch.is_ours() {
        return build(binary);
    }
    // Apart from what the usual rustc builds, so that neither waits for the other.
    build_with(cross::cargo_rustc(arch, &sh::root().join("target").join(arch.debian))?, binary)
}

/// Builds the binary by a `cargo rustc`; answers where it is.
pub(crate) fn build_with(mut cmd: Command, binary: Binary) -> Result<PathBuf> {
    let Binary { name, select } = binary;
    let _timer = Timer::start(format!("build of {name}"));
    cmd.args(select).arg("--message-format=json-render-diagnostics");
    // Only the binary itself: as a rustflag it would reach procedural macros, which cannot have it.
    cmd.args(["--", "-C", "target-feature=+crt-static"]);
    let mut executable = None;
    let built = sh::run_lines(&mut cmd, |line| {
        // A test's build reports the package's programs too.
        if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line)
            && artifact.target.name == name
        {
            executable = artifact.executable.or(executable.take());
        }
    })?;
    if !built {
        bail!("building {name} failed");
    }
    let path = executable.with_context(|| format!("cargo built no {name}"))?;
    Ok(path.into_std_path_buf())
}
