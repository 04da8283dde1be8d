//! Where the kernel maps physical memory, for reading a process through its page tables.

use std::fs::File;
use std::io::{self, BufReader};

use super::ksym;
use crate::kernel::kallsyms;

/// The variable that holds it, and `PAGE_OFFSET` where its value counts from there.
///
/// # Errors
/// The kernel does not tell where the variable is; or, on arm64, how many bits its addresses have: the
/// variable that told (`vabits_actual`) is gone from 6.12.
pub(super) fn find() -> io::Result<(u64, u64)> {
    if cfg!(target_arch = "aarch64") {
        address("vabits_actual")?;
        return Ok((address("memstart_addr")?, (!0) << 52));
    }
    Ok((address("page_offset_base")?, 0))
}

/// Kernels before 5.16 are not asked: they list it.
fn address(name: &str) -> io::Result<u64> {
    ksym::address(name).or_else(|_| {
        let list = BufReader::new(File::open("/proc/kallsyms")?);
        kallsyms::address(list, name)?.ok_or_else(|| io::Error::other(format!("no symbol {name}")))
    })
}
