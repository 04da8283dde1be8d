//! What a release consists of, for each architecture: a tarball, a Debian package, an RPM package, an
//! image, and what its parts are; with checksums and, with a key, a signature.
//!
//! The same commit comes to the same bytes, whatever folder it lies in: times are the commit's, paths are
//! mapped away, archives are sorted, and their owner is root.

mod archive;
mod compile;
mod image;
mod packages;
mod parts_list;
mod sources;
mod stage;
mod sums;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::setup;
use crate::sh::{self, say};
use crate::vm::arch::{AMD64, ARM64, Arch};

/// What is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct DistArgs {
    /// For which processors; repeatable [default: this machine's]
    #[arg(long, value_name = "ARCH", value_parser = ["x86_64", "aarch64"])]
    target: Vec<String>,
    /// Where to [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Sign the checksums with this key of minisign's, without a password
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// Then build the commit once more, in another folder, and compare the bytes
    #[arg(long)]
    verify: bool,
}

/// One release for one architecture.
struct Release<'a> {
    arch: &'a Arch,
    version: String,
    source: sources::Source,
    /// Where what people take away goes.
    out: PathBuf,
}

impl Release<'_> {
    /// `oom-trace-0.1.0-x86_64`, and what follows.
    fn file(&self, ending: &str) -> PathBuf {
        self.out.join(format!("oom-trace-{}-{}{ending}", self.version, self.arch.rust))
    }
}

/// Makes it.
pub(crate) fn run(args: &DistArgs) -> Result<()> {
    setup::run()?;
    let source = sources::Source::here()?;
    if args.verify {
        verify::is_committed(&source)?;
    }
    let out = args.out.clone().unwrap_or_else(|| sh::root().join("target/dist"));
    let out = std::path::absolute(out)?;
    empty(&out)?;
    let targets = if args.target.is_empty() {
        vec![std::env::consts::ARCH.to_owned()]
    } else {
        args.target.clone()
    };
    let pages = compile::pages()?;
    for target in &targets {
        let arch = if *target == ARM64.rust { &ARM64 } else { &AMD64 };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let release = Release { arch, version, source: source.clone(), out: out.clone() };
        release.make(&pages)?;
    }
    sums::write(&out)?;
    if let Some(key) = &args.sign_key {
        sums::sign(&out, key)?;
    }
    for name in sums::names(&out)? {
        let size = fs::metadata(out.join(&name))?.len();
        say(format!("{} ({size} bytes)", out.join(name).display()));
    }
    if args.verify { verify::again(&source, &targets, &out) } else { Ok(()) }
}

/// A package of each kind.
pub(crate) struct Packages {
    pub(crate) deb: PathBuf,
    pub(crate) rpm: PathBuf,
}

/// Makes the packages alone, of this machine's architecture, in the folder; or takes those that are there already.
pub(crate) fn packages(out: &Path, are_there: bool) -> Result<Packages> {
    let arch = if AMD64.is_ours() { &AMD64 } else { &ARM64 };
    let (version, source) = (env!("CARGO_PKG_VERSION").to_owned(), sources::Source::here()?);
    let release = Release { arch, version, source, out: out.to_owned() };
    if !are_there {
        stage::fill(&release, &compile::agent(arch, &release.source)?, &compile::pages()?)?;
        packages::deb(&release)?;
        packages::rpm(&release)?;
    }
    Ok(Packages { deb: release.file(".deb"), rpm: release.file(".rpm") })
}

impl Release<'_> {
    fn make(&self, pages: &Path) -> Result<()> {
        let agent = compile::agent(self.arch, &self.source)?;
        stage::fill(self, &agent, pages)?;
        archive::tarball(self, &agent, pages)?;
        packages::deb(self)?;
        packages::rpm(self)?;
        image::write(self, &agent)?;
        parts_list::write(self)
    }
}

/// A folder for what is made, without what was made before; nothing else is taken away.
fn empty(out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("oom-trace") || name.starts_with(sums::FILE) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Where what is put together lies.
fn work() -> PathBuf {
    sh::root().join("target/packaging")
}
