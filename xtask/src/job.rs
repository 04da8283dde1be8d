//! The job a guest is started with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where the guest finds its job, as JSON.
pub const JOB_FILE: &str = "/job.json";
/// What the command leaves in this folder is sent home.
pub const OUT_DIR: &str = "/out";
/// The serial port that leads home; the first one is the kernel's console.
pub const HOME_PORT: &str = "/dev/ttyS1";

/// One command to run in the guest. An empty `argv` boots, says so and powers off.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Job {
    /// The program, by its path in the guest, and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
}
