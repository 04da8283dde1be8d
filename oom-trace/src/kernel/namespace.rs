//! Namespaces that this process may be in.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// `PROC_PID_INIT_INO` (include/linux/proc_ns.h).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Whether this is the first namespace of pids, the one by which the kernel names processes; `None` if nobody
/// says.
pub(crate) fn is_first_of_pids() -> Option<bool> {
    let namespace = fs::metadata("/proc/self/ns/pid").ok()?;
    Some(namespace.ino() == FIRST_PID_NAMESPACE)
}
