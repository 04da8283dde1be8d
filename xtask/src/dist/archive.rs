//! Archives whose bytes depend on nothing but what is in them.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};
use walkdir::WalkDir;

use super::Release;
use crate::sh;

/// An archive that is being written: all in it is root's, and of one time.
pub(super) struct Tar<W: Write> {
    builder: tar::Builder<W>,
    epoch: u64,
}

impl<W: Write> Tar<W> {
    pub(super) fn new(to: W, epoch: u64) -> Self {
        Self { builder: tar::Builder::new(to), epoch }
    }

    pub(super) fn folder(&mut self, path: &str, mode: u32) -> Result<()> {
        self.add(EntryType::Directory, &format!("{}/", path.trim_end_matches('/')), mode, &[])
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        self.add(EntryType::Regular, path, mode, bytes)
    }

    fn add(&mut self, kind: EntryType, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        header.set_mtime(self.epoch);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        self.builder.append_data(&mut header, path, bytes).with_context(|| path.to_owned())
    }

    pub(super) fn finish(self) -> Result<W> {
        Ok(self.builder.into_inner()?)
    }
}

/// By gzip, without a time or a name.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// What of the source goes along, as it lies there: the documentation's steps are the same.
const SOURCES: [&str; 7] =
    ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-GPL2", "LICENSE-MIT", "README.md", "dist", "docs"];

/// Of the source, but of no use without the rest of it.
const LEFT_OUT: [&str; 2] = ["dist/debian", "dist/rpm"];

/// The agent with all that belongs to it, in one folder.
pub(super) fn tarball(release: &Release<'_>, agent: &Path, pages: &Path) -> Result<()> {
    let path = release.file(".tar.gz");
    let top = release.file("");
    let top = top.file_name().context("no name")?.to_string_lossy();
    let mut files = vec![("oom-trace".to_owned(), 0o755, fs::read(agent)?)];
    for source in SOURCES {
        files.extend(below(&sh::root(), source)?);
    }
    files.retain(|(name, ..)| !LEFT_OUT.iter().any(|out| name.starts_with(out)));
    for (name, mode, bytes) in below(pages, "")? {
        files.push((format!("share/{name}"), mode, bytes));
    }
    files.sort();
    let mut tar = Tar::new(Vec::new(), release.source.epoch);
    for (name, mode, bytes) in &files {
        tar.file(&format!("{top}/{name}"), *mode, bytes)?;
    }
    fs::write(&path, gzip(&tar.finish()?)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// All files there: their names from the root on, their mode, what is in them.
fn below(root: &Path, part: &str) -> Result<Vec<(String, u32, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(root.join(part)).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(root)?.to_string_lossy().into_owned();
            files.push((name, 0o644, fs::read(entry.path())?));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_tells_nothing_of_who_made_it_and_when() {
        let make = || {
            let mut tar = Tar::new(Vec::new(), 1_000_000_000);
            tar.folder("etc", 0o755).unwrap();
            tar.file("etc/x", 0o640, b"text").unwrap();
            tar.finish().unwrap()
        };
        assert_eq!(make(), make());
        let tar = make();
        let mut archive = tar::Archive::new(tar.as_slice());
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        let names: Vec<_> = entries.iter().map(|it| it.path().unwrap().into_owned()).collect();
        assert_eq!(names, [Path::new("etc/"), Path::new("etc/x")]);
        for entry in &entries {
            assert_eq!(entry.header().mtime().unwrap(), 1_000_000_000);
            assert_eq!(entry.header().uid().unwrap(), 0);
        }
        assert_eq!(gzip(b"text").unwrap().get(4..8), Some([0; 4].as_slice()));
    }
}
