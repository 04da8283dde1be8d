//! The kernels we test on: a new one is one line here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;

use super::archive::{self, Package};
use crate::sh::{self, say};

/// A kernel of Debian's archive.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// What `--kernel` calls it.
    pub(crate) name: &'static str,
    /// The suite whose archive holds it.
    suite: &'static str,
    /// The package's name: `linux-image-RELEASE.*-FLAVOUR`.
    release: &'static str,
    flavour: &'static str,
}

/// Oldest first.
pub(crate) const KERNELS: &[Kernel] = &[
    Kernel { name: "6.1", suite: "bookworm", release: "6.1", flavour: "cloud-amd64" },
    Kernel { name: "6.12", suite: "trixie", release: "6.12", flavour: "cloud-amd64" },
];

/// From 6.19 on the image is in `linux-binary`, and `linux-image` only depends on it.
const PREFIXES: &[&str] = &["linux-binary-", "linux-image-"];

impl Kernel {
    /// The kernel of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        let names = || KERNELS.iter().map(|kernel| kernel.name).collect::<Vec<_>>().join(", ");
        let found = KERNELS.iter().find(|kernel| kernel.name == name);
        found.with_context(|| format!("no kernel {name:?} in the table; it has {}", names()))
    }

    /// The kernel's image; fetched once, and then needing no network.
    pub(crate) fn image(&self) -> Result<PathBuf> {
        let folder = super::folder().join("kernels").join(self.name);
        let image = folder.join("vmlinuz");
        if !image.exists() {
            fs::create_dir_all(&folder)?;
            self.fetch(&image).with_context(|| format!("cannot fetch kernel {}", self.name))?;
        }
        Ok(image)
    }

    fn fetch(&self, image: &Path) -> Result<()> {
        let suite = archive::open(self.suite)?;
        let package = self.newest(suite.packages()?)?;
        say(format!("kernel {}: {} {}", self.name, package.name, package.version));
        let scratch = tempfile::tempdir()?;
        let deb = suite.download(&package, scratch.path())?;
        let tree = scratch.path().join("tree");
        sh::output(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&tree))?;
        let found = WalkDir::new(&tree).into_iter().filter_map(Result::ok).find(is_image);
        let found = found.with_context(|| format!("no vmlinuz in {}", package.name))?;
        // Renamed into place, so that a torn copy is never taken for the image.
        let torn = image.with_extension("part");
        fs::copy(found.path(), &torn)?;
        fs::write(image.with_file_name("package"), format!("{}\n", package.name))?;
        Ok(fs::rename(torn, image)?)
    }

    fn newest(&self, packages: Vec<Package>) -> Result<Package> {
        for prefix in PREFIXES {
            let mut newest: Option<Package> = None;
            let fits = |package: &Package| self.matches(prefix, &package.name);
            for package in packages.iter().filter(|package| fits(package)) {
                if newest.as_ref().is_none_or(|best| is_newer(&package.version, &best.version)) {
                    newest = Some(package.clone());
                }
            }
            if let Some(package) = newest {
                return Ok(package);
            }
        }
        bail!("suite {} has no linux-image-{}.*-{}", self.suite, self.release, self.flavour)
    }

    /// Packages that end in `-unsigned` or `-dbg` are other forms of the same kernel.
    fn matches(&self, prefix: &str, package: &str) -> bool {
        let rest = package.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(self.release));
        let build = rest.and_then(|rest| rest.strip_suffix(self.flavour));
        build.is_some_and(|build| build.starts_with('.') && build.ends_with('-'))
    }
}

fn is_image(entry: &walkdir::DirEntry) -> bool {
    entry.file_type().is_file() && entry.file_name().to_string_lossy().starts_with("vmlinuz")
}

fn is_newer(version: &str, than: &str) -> bool {
    let mut cmd = Command::new("dpkg");
    cmd.args(["--compare-versions", version, "gt", than]);
    cmd.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        let mut package = Package::default();
        package.name.push_str(name);
        package.version.push_str(version);
        package
    }

    #[test]
    fn the_newest_signed_image_of_the_release_is_taken() {
        let packages = vec![
            package("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1"),
            package("linux-image-6.1.0-37-cloud-amd64", "6.1.140-1"),
            package("linux-image-6.1.0-38-cloud-amd64-unsigned", "6.1.147-1"),
            package("linux-image-6.1.0-38-amd64", "6.1.147-1"),
            package("linux-image-6.12.30-cloud-amd64", "6.12.30-1"),
        ];
        let newest = Kernel::named("6.1").unwrap().newest(packages).unwrap();
        assert_eq!(newest.name, "linux-image-6.1.0-37-cloud-amd64");
    }

    #[test]
    fn linux_binary_holds_the_image_where_it_exists() {
        let packages = vec![
            package("linux-image-6.12.30-cloud-amd64", "6.12.30-1"),
            package("linux-binary-6.12.30-cloud-amd64", "6.12.30-1"),
        ];
        let newest = Kernel::named("6.12").unwrap().newest(packages).unwrap();
        assert_eq!(newest.name, "linux-binary-6.12.30-cloud-amd64");
    }

    #[test]
    fn an_unknown_kernel_is_answered_with_the_known() {
        let err = Kernel::named("2.6").unwrap_err().to_string();
        assert!(err.contains("6.1, 6.12"), "{err}");
    }
}
