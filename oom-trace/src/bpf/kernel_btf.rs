//! The running kernel's own type information, brought into memory for as long as it is read.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Deref;
use std::path::Path;

use super::info::KernelTypes;
use super::sys::Pages;
use crate::kernel::facts::BTF_PATH;

/// The bytes of a BTF; their memory is given back with it, as it is some MiB that only a start needs.
#[derive(Debug)]
pub struct KernelBtf(Pages);

impl Deref for KernelBtf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl KernelBtf {
    /// That of the running kernel; or what the file has.
    ///
    /// sysfs hands out a page at each call, more than a thousand of them. So the kernel is asked for all of it
    /// at once: to map it (6.16 on), or to copy it (5.11 on, with `CAP_SYS_ADMIN`).
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: Option<&Path>) -> io::Result<Self> {
        match path {
            None => mapped().or_else(|_| copied()).or_else(|_| file(Path::new(BTF_PATH))).map(Self),
            Some(path) => file(path).map(Self),
        }
    }
}

fn mapped() -> io::Result<Pages> {
    let file = File::open(BTF_PATH)?;
    let len = file.metadata()?.len();
    Pages::of_kernel_file(&file, usize::try_from(len).map_err(io::Error::other)?)
}

fn copied() -> io::Result<Pages> {
    let (types, len) = KernelTypes::open()?;
    Pages::filled(len, |to| types.read(to))
}

fn file(path: &Path) -> io::Result<Pages> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    Pages::filled(usize::try_from(len).map_err(io::Error::other)?, |to| file.read_exact(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What this machine offers of the three; the last of them always.
    #[test]
    fn it_is_the_same_whichever_way_it_comes() {
        let Ok(file) = file(Path::new(BTF_PATH)) else { return };
        assert!(!file.is_empty());
        for other in [mapped(), copied()].into_iter().flatten() {
            assert!(other[..] == file[..]);
        }
    }
}
