//! Why a kill could not be caused.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use rustix::io::Errno;
use thiserror::Error;

use crate::store::StoreError;

/// Why a kill could not be caused, and what to do.
#[derive(Debug, Error)]
pub enum TriggerError {
    /// No hierarchy has the memory controller.
    #[error(
        "no cgroup file system in /proc/self/mountinfo has the memory controller: mount one \
         (`mount -t cgroup2 none /sys/fs/cgroup`), and boot without cgroup_disable=memory"
    )]
    NoMemoryController,

    /// The hierarchy cannot be written.
    #[error(
        "the cgroup file system at {} is mounted read-only: run on the host, or make it writable \
         (container: --privileged, unit: ProtectControlGroups=no)", .0.display()
    )]
    ReadOnly(PathBuf),

    /// The limit is out of proportion to the machine.
    #[error(
        "a limit of {} MiB is more than half of the {} MiB available, and other processes could \
         be killed: use a smaller --memory", .memory >> 20, .available >> 20
    )]
    TooMuch {
        /// The limit asked for.
        memory: u64,
        /// `MemAvailable`.
        available: u64,
    },

    /// Only the second version of cgroups kills a group.
    #[error(
        "memory.oom.group needs cgroup v2, and this machine's memory cgroups are v1: use another \
         --case, or boot with systemd.unified_cgroup_hierarchy=1"
    )]
    NoGroups,

    /// There is too little swap to use up.
    #[error(
        "--case swap needs {} MiB of free swap, and there are {} MiB: add swap (swapon), or use a smaller \
         --memory", .wanted >> 20, .free >> 20
    )]
    NoSwap {
        /// The bytes that it would take.
        wanted: u64,
        /// `SwapFree`.
        free: u64,
    },

    /// The kernel refused an operation on a file.
    #[error("cannot {action} {}: {error}{}", .path.display(), remedy(.path, .error))]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },

    /// The kernel refused something else.
    #[error("cannot {action}: {error}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        error: io::Error,
    },

    /// The kernel's counter says that its OOM killer did nothing.
    #[error(
        "the child used more than its limit, but the kernel counted no OOM kill; the child ended with \
         {0}: run `oom-trace check` to see what this kernel offers"
    )]
    NotKilled(ExitStatus),

    /// SIGINT or SIGTERM.
    #[error(
        "interrupted before the kernel killed anything; the test's processes and cgroup were removed"
    )]
    Interrupted,

    /// The kernel killed, and the agent does not tell of it.
    #[error(
        "the running agent (pid {agent}) has no record of process {victim} after {seconds} s: see its \
         messages (of the service: journalctl -u oom-trace), and `oom-trace check`"
    )]
    NotRecorded {
        /// The agent's process id.
        agent: i32,
        /// The victim's.
        victim: u32,
        /// How long it was waited for.
        seconds: u64,
    },

    /// The agent's records cannot be read.
    #[error("the kernel killed the child, but whether the agent recorded it is unknown")]
    Store(#[from] StoreError),

    /// The kill is done, and could not be told.
    #[error("cannot write to standard output: {0}")]
    Print(io::Error),
}

impl TriggerError {
    pub(super) fn io(action: &'static str, path: impl AsRef<Path>, error: io::Error) -> Self {
        Self::File { action, path: path.as_ref().to_path_buf(), error }
    }

    /// For `map_err` on a system call.
    pub(super) fn system<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { action, error: error.into() }
    }
}

/// What to do about an answer of the cgroup file system.
fn remedy(path: &Path, error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::ACCESS | Errno::PERM) => ": run as root of the host (sudo)",
        Some(Errno::ROFS) => {
            ": run on the host, or make the cgroup file system writable (container: --privileged, \
             unit: ProtectControlGroups=no)"
        }
        // A cgroup that holds processes hands no controller down; only the real root may.
        Some(Errno::BUSY | Errno::OPNOTSUPP) if path.ends_with("cgroup.subtree_control") => {
            ": this cgroup contains processes, so it cannot have child cgroups with controllers: run \
             on the host, or with the host's cgroups (--cgroupns=host)"
        }
        // `nsdelegate`: the child would cross the border of the cgroup namespace.
        Some(Errno::NOENT) if path.ends_with("cgroup.procs") => {
            ": this cgroup is outside the cgroup namespace: run on the host, or with the host's \
             cgroups (--cgroupns=host)"
        }
        Some(Errno::AGAIN) => {
            ": the limit on the number of cgroups is reached (cgroup.max.descendants): remove some"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_tried_what_the_kernel_said_and_what_to_do() {
        let error = TriggerError::io("create", "/sys/fs/cgroup/x", Errno::ACCESS.into());
        assert_eq!(
            error.to_string(),
            "cannot create /sys/fs/cgroup/x: Permission denied (os error 13): \
             run as root of the host (sudo)"
        );
    }
}
