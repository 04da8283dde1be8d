//! Why the programs are not in place, and what to do.

use std::error::Error;
use std::io;

use aya::maps::MapError;

use crate::cause::chain;
use crate::kernel::plan::PlanError;

/// Why the programs are not in place.
#[derive(Debug, thiserror::Error)]
pub enum BpfError {
    /// The machine does not offer it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A map of the object, or its type information, was turned down.
    #[error("cannot load the eBPF object: {what}: {error}{}", advice(error))]
    Object {
        /// Which part.
        what: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// A program was turned down.
    #[error("cannot {action} {program} ({function}): {}{}", error, advice(&**error))]
    Program {
        /// `load` or `attach`
        action: &'static str,
        /// Its name.
        program: &'static str,
        /// The kernel's function.
        function: &'static str,
        /// What the kernel said.
        error: Box<dyn Error + Send + Sync>,
    },
    /// The ring buffer cannot be read.
    #[error("cannot map the ring buffer: {}{}", chain(&**error), advice(&**error))]
    Ring {
        /// What aya says, with what the kernel said.
        error: Box<MapError>,
    },
    /// The object and this program do not belong together.
    #[error("the eBPF object has no {0}; this build of oom-trace is broken")]
    Incomplete(&'static str),
    /// A system call of ours failed.
    #[error("cannot poll the ring buffer: {0}")]
    System(#[from] io::Error),
    /// The hooks' own log cannot be had.
    #[cfg(feature = "ebpf-log")]
    #[error("cannot read the eBPF program's own log: {0}")]
    Log(#[from] aya_log::Error),
}

impl BpfError {
    /// What was tried and what the kernel said, in one line without advice.
    #[must_use]
    pub fn reason(&self) -> String {
        let text = self.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    }
}

/// What to do about the kernel's answer.
fn advice(error: &(dyn Error + 'static)) -> &'static str {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(io) = this.downcast_ref::<io::Error>() {
            return match io.raw_os_error() {
                Some(libc::EPERM) => {
                    "\n  not permitted: run as root; in a container add CAP_BPF, CAP_PERFMON, CAP_SYSLOG \
                     and (before 5.11, where maps count as locked memory) CAP_SYS_RESOURCE, and a \
                     seccomp profile that allows bpf(2) and perf_event_open(2); a locked-down \
                     kernel returns the same error"
                }
                Some(libc::EINVAL) => {
                    "\n  not supported by this kernel: oom-trace needs 5.10 or newer (ring buffer maps)"
                }
                Some(libc::ENOENT) => {
                    "\n  this kernel has no such function, or tracing it is disabled"
                }
                Some(libc::ENOMEM) => {
                    "\n  the kernel could not allocate memory: free some and try again"
                }
                Some(libc::ENOSYS) => {
                    "\n  this kernel is built without bpf(2) (CONFIG_BPF_SYSCALL)"
                }
                _ => "",
            };
        }
        error = this.source();
    }
    ""
}
