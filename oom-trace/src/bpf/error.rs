//! Why the programs are not in place, and what to do.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use aya::maps::MapError;

use crate::cause::chain;
use crate::kernel::facts::release;
use crate::kernel::plan::PlanError;
use crate::release::Release;

/// The first kernel that has all that the programs need.
const OLDEST: (u32, u32) = (5, 10);

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
fn advice(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(io) = this.downcast_ref::<io::Error>() {
            let advice = match io.raw_os_error() {
                Some(libc::EPERM) => {
                    "\n  not permitted: run as root; in a container add CAP_BPF, CAP_PERFMON, CAP_SYSLOG \
                     and (before 5.11, where maps count as locked memory) CAP_SYS_RESOURCE, and a \
                     seccomp profile that allows bpf(2) and perf_event_open(2); a locked-down \
                     kernel returns the same error"
                }
                Some(libc::EINVAL) => {
                    return unsupported(release().ok().as_ref()).into();
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
            return advice.into();
        }
        error = this.source();
    }
    "".into()
}

/// The kernel answers alike to what it is too old for and to whatever else it does not take.
fn unsupported(kernel: Option<&Release>) -> String {
    if let Some(kernel) = kernel.filter(|kernel| kernel.version() < OLDEST) {
        return format!(
            "\n  this kernel ({kernel}) is too old: oom-trace needs 5.10 or newer (ring buffer maps)"
        );
    }
    "\n  the kernel did not accept it: it may be built without what is needed, or changed by its vendor; a file \
     named with --btf must be of this very kernel; --attach log needs no eBPF"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_older_kernel_is_called_too_old() {
        let told = |release| unsupported(Some(&Release::new(release)));
        assert!(told("5.4.0-200-generic").contains("(5.4.0-200-generic) is too old"));
        for release in ["5.10.0-32-amd64", "6.12.1"] {
            assert!(!told(release).contains("5.10"), "{}", told(release));
        }
        let error = io::Error::from_raw_os_error(libc::EINVAL);
        let said = BpfError::Object { what: "a map", error }.to_string();
        let is_old = release().unwrap().version() < OLDEST;
        assert_eq!(said.contains("needs 5.10 or newer"), is_old, "{said}");
    }
}
