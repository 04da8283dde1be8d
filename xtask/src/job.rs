//! The job a guest is started with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where the guest finds its job, as JSON.
pub const JOB_FILE: &str = "/job.json";
/// What a step leaves in this folder is sent home after it.
pub const OUT_DIR: &str = "/out";
/// What is in this folder of the first root is laid over that of [`Job::disk`].
pub const CARRIED: &str = "/carried";

/// What the benchmark measures.
pub const BENCH_PARTS: [&str; 7] =
    ["beside", "profile", "incident", "log", "exec", "stuck", KEPT_PART];
/// The one that is measured on the host.
pub const KEPT_PART: &str = "kept";

/// What is measured in the guest: each part adds to [`crate::measure::FILE`] in [`OUT_DIR`], or leaves a
/// table of its own there, `NAME.md`.
pub fn guest_parts() -> impl Iterator<Item = &'static str> {
    BENCH_PARTS.into_iter().filter(|part| *part != KEPT_PART)
}

/// What to do in the guest. Without steps it boots, says so and powers off.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Job {
    /// The serial port that leads home; another one is the kernel's console.
    pub home: String,
    /// Kernel modules by their paths in the guest, in the order in which they need each other.
    pub modules: Vec<String>,
    /// The disk with a whole system, which is started instead of the steps.
    pub disk: Option<String>,
    /// How cgroups are mounted.
    pub hierarchy: Hierarchy,
    /// One after the other, until one fails.
    pub steps: Vec<Step>,
    /// The whole environment of each.
    pub env: BTreeMap<String, String>,
}

/// A kind of cgroup hierarchy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hierarchy {
    /// The one of cgroup v2, at `/sys/fs/cgroup`.
    #[default]
    Unified,
    /// Those of cgroup v1, `memory` and `cpuset`, in folders of these names.
    Legacy,
}

/// One command.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Step {
    /// The program, by its path in the guest, and its arguments.
    pub argv: Vec<String>,
    /// The file below [`OUT_DIR`] that takes its standard output, instead of the port home.
    pub into: Option<String>,
}
