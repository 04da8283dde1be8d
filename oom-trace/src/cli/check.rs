//! `oom-trace check`.

use std::path::PathBuf;

use clap::Args;

use crate::kernel::attach::Attach;

/// What to say of this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if the agent can run here and every destination of --config can be reached, 1 if not, 2 if the \
configuration has errors or for wrong usage.

Examples:
  oom-trace check                                       this machine
  oom-trace check --config /etc/oom-trace/config.toml   and whether each destination can be reached
  oom-trace check --json                                for other programs")]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Also report every error in this configuration file, and whether each of its destinations can be reached
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// With --config: check only the file; load nothing into the kernel, and try no destination
    #[arg(long, requires = "config")]
    pub config_only: bool,
    /// How the agent would hook the kernel; `auto` uses the first method that works [default: auto]
    #[arg(long, value_enum)]
    pub attach: Option<Attach>,
    /// Read the running kernel's BTF from this file instead of /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
}
