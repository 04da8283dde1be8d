//! Where the kernel maps physical memory, for reading a process through its page tables.

use std::fs::File;
use std::io::{self, BufReader};

use super::ksym;
use crate::kernel::kallsyms;

#[cfg(target_arch = "x86_64")]
const VARIABLE: &str = "page_offset_base";
#[cfg(target_arch = "aarch64")]
const VARIABLE: &str = "memstart_addr";

/// The address of the variable that tells.
///
/// Kernels before 5.16 cannot be asked: they list it. What others do not tell is not in the list, either.
///
/// # Errors
/// The kernel does not tell where the variable is.
pub(super) fn find() -> io::Result<u64> {
    match ksym::address(VARIABLE) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            let list = BufReader::new(File::open("/proc/kallsyms")?);
            kallsyms::address(list, VARIABLE)?
                .ok_or_else(|| io::Error::other(format!("no symbol {VARIABLE}")))
        }
        told => told,
    }
}
