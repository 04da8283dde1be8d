//! `oom-trace check`.

use std::path::PathBuf;

use clap::Args;

use crate::kernel::attach::Attach;

/// What to say of this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 the agent can run here, and reach each destination; 1 it cannot; 2 the configuration has errors, or
wrong usage.

Examples:
  oom-trace check
  oom-trace check --config /etc/oom-trace/config.toml")]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Also report all errors of this configuration file, and connect to each destination
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only read the configuration file: touch neither the kernel nor a destination
    #[arg(long, requires = "config")]
    pub config_only: bool,
    /// As in `run` [default: auto]
    #[arg(long, value_enum)]
    pub attach: Option<Attach>,
    /// As in `run`
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
}
