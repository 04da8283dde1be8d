//! The guest's root file system: a gzip-compressed cpio archive in the kernel's newc format.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use cpio::newc;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{FileType, Mode};
use walkdir::WalkDir;
use xtask::job::{JOB_FILE, Job, OUT_DIR};

/// Folders every guest has; `/init` mounts the kernel's file systems on some of them.
const FOLDERS: &[(&str, u32)] = &[
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("modules", 0o755),
    (OUT_DIR, 0o1777),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
];

const FILES: &[(&str, &str)] = &[
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("etc/hostname", "guest\n"),
];

/// An image being written.
pub(crate) struct Image {
    out: GzEncoder<BufWriter<File>>,
    inode: u32,
}

impl Image {
    /// Starts an image with what every guest has.
    pub(crate) fn create(path: &Path, init: &Path, job: &Job) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut image =
            Self { out: GzEncoder::new(BufWriter::new(file), Compression::fast()), inode: 0 };
        for (name, mode) in FOLDERS {
            image.add(name, FileType::Directory, *mode, b"")?;
        }
        for (name, text) in FILES {
            image.add(name, FileType::RegularFile, 0o644, text.as_bytes())?;
        }
        image.add(JOB_FILE, FileType::RegularFile, 0o644, &serde_json::to_vec(job)?)?;
        image.file("init", init)?;
        Ok(image)
    }

    /// Adds a file of the host's, as a program.
    pub(crate) fn file(&mut self, name: &str, from: &Path) -> Result<()> {
        let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.add(name, FileType::RegularFile, 0o755, &bytes)
    }

    /// Adds what is in a folder of the host's.
    pub(crate) fn tree(&mut self, root: &Path) -> Result<()> {
        for entry in WalkDir::new(root).min_depth(1).sort_by_file_name() {
            let entry = entry?;
            let name = entry.path().strip_prefix(root)?;
            let mode = entry.metadata()?.permissions().mode() & 0o7777;
            let text = name.to_string_lossy();
            if entry.file_type().is_dir() {
                self.add(&text, FileType::Directory, mode, b"")?;
            } else if entry.file_type().is_symlink() {
                let target = fs::read_link(entry.path())?;
                let target = target.as_os_str().as_encoded_bytes();
                self.add(&text, FileType::Symlink, 0o777, target)?;
            } else {
                self.add(&text, FileType::RegularFile, mode, &fs::read(entry.path())?)?;
            }
        }
        Ok(())
    }

    /// Ends the archive.
    pub(crate) fn finish(self) -> Result<()> {
        let out = newc::trailer(self.out)?;
        out.finish()?.flush()?;
        Ok(())
    }

    fn add(&mut self, name: &str, kind: FileType, mode: u32, bytes: &[u8]) -> Result<()> {
        // Equal inode numbers would make hard links of the entries.
        self.inode += 1;
        let mode = kind.as_raw_mode() | Mode::from_raw_mode(mode).as_raw_mode();
        let entry = newc::Builder::new(name.trim_start_matches('/')).ino(self.inode).mode(mode);
        let len = u32::try_from(bytes.len()).with_context(|| format!("{name} is too large"))?;
        let mut entry = entry.write(&mut self.out, len);
        entry.write_all(bytes).and_then(|()| entry.finish()).with_context(|| name.to_owned())?;
        Ok(())
    }
}
