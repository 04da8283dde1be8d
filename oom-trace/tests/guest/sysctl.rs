//! Settings of the kernel that a scenario changes, and puts back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file below `/proc/sys`, or any other that holds a setting, as it was.
#[derive(Debug)]
pub(crate) struct Setting {
    file: PathBuf,
    before: String,
}

impl Setting {
    pub(crate) fn change(file: impl AsRef<Path>, value: &str) -> Self {
        Self::try_change(file, value).unwrap()
    }

    pub(crate) fn try_change(file: impl AsRef<Path>, value: &str) -> io::Result<Self> {
        let file = file.as_ref().to_owned();
        let before = fs::read_to_string(&file)?;
        put(&file, value)?;
        Ok(Self { file, before: before.trim_end().to_owned() })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let restored = put(&self.file, &self.before);
        if !std::thread::panicking() {
            restored.unwrap();
        }
    }
}

/// Some take no value without the end of its line (`printk_devkmsg`).
fn put(file: &Path, value: &str) -> io::Result<()> {
    fs::write(file, format!("{value}\n"))
}
