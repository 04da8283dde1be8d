//! A kernel's packages: its image, its configuration, and the modules that machines need.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;

use super::archive::{self, Package};
use super::kernels::Kernel;
use super::machines;
use crate::setup::tools;
use crate::sh::{self, say};

/// Beyond the path of those who are not root.
const DEPMOD: &str = "/usr/sbin/depmod";
const MODPROBE: &str = "/usr/sbin/modprobe";

/// What is kept of its packages.
impl Kernel {
    /// Gets what is needed of its packages; once, and then needing no network.
    pub(super) fn get(&self) -> Result<()> {
        let folder = self.folder();
        if !is_complete(&folder) {
            fetch(self, &folder).with_context(|| format!("cannot fetch kernel {}", self.name))?;
        }
        Ok(())
    }

    /// The image.
    pub(super) fn image(&self) -> PathBuf {
        self.folder().join("vmlinuz")
    }

    /// The name of the package that the image is from.
    pub(crate) fn package(&self) -> Result<String> {
        self.text("package").map(|text| text.trim().to_owned())
    }

    /// The configuration that it was built with.
    pub(super) fn config(&self) -> Result<String> {
        self.text("config")
    }

    /// The files of the modules and of those that they need, in the order of loading.
    pub(super) fn modules(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for name in names {
            for file in self.text(&list_of(name))?.lines() {
                let file = self.folder().join(file);
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        Ok(files)
    }

    /// The folder of all its modules in a system of Debian's below `root`.
    pub(super) fn modules_in(&self, root: &Path) -> Result<PathBuf> {
        Ok(root.join("usr/lib/modules").join(build_of(&self.package()?)))
    }

    /// Unpacks all its modules there.
    pub(super) fn unpack_modules(&self, root: &Path) -> Result<()> {
        let kept = self.package()?;
        let scratch = tempfile::tempdir_in(super::folder())?;
        let image = unpack(self, scratch.path())?;
        if image != kept {
            bail!("the archive has {image} by now: remove {}", self.folder().display());
        }
        let build = build_of(&kept);
        // Up to bookworm it is `lib` itself.
        let places =
            ["usr/lib/modules", "lib/modules"].map(|at| scratch.path().join(at).join(build));
        let from =
            places.into_iter().find(|at| at.exists()).context("no modules in the packages")?;
        let to = self.modules_in(root)?;
        sh::output(sh::as_root("mkdir").arg("--parents").arg(&to))?;
        sh::run(sh::as_root("cp").arg("-rT").arg(from).arg(&to))?;
        sh::run(sh::as_root(DEPMOD).arg("--basedir").arg(root).arg(build))
    }

    /// Unpacks what modules are built with there; answers its folder, as it is called inside.
    pub(super) fn unpack_headers(&self, root: &Path) -> Result<String> {
        let image = self.package()?;
        let headers = format!("linux-headers-{}", build_of(&image));
        let suite = archive::open(self.suite)?;
        let packages = suite.packages(self.arch)?;
        let needed = archive::closure(&packages, &[&headers]);
        if needed.is_empty() {
            bail!("the archive has no {headers} any more: remove {}", self.folder().display());
        }
        let scratch = tempfile::tempdir_in(super::folder())?;
        for package in needed {
            if package.name.starts_with("linux-headers-")
                || package.name.starts_with("linux-kbuild-")
            {
                suite.extract(&package, scratch.path())?;
            }
        }
        // Up to bookworm they have a `lib` of their own, which would take the place of the system's.
        let (from, to) = (scratch.path().join("usr"), root.join("usr"));
        sh::run(sh::as_root("cp").arg("-rT").arg(from).arg(to))?;
        Ok(format!("/usr/src/{headers}"))
    }

    fn folder(&self) -> PathBuf {
        super::folder().join("kernels").join(self.name)
    }

    fn text(&self, file: &str) -> Result<String> {
        let path = self.folder().join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// The file that lists a module's files, one a line, in the order of loading.
fn list_of(module: &str) -> String {
    format!("{module}.load")
}

/// Whether the folder holds all that is needed of a kernel.
fn is_complete(folder: &Path) -> bool {
    let lists = machines::modules().into_iter().map(list_of);
    let mut files = ["vmlinuz", "config", "package"].map(str::to_owned).into_iter().chain(lists);
    files.all(|file| folder.join(file).exists())
}

/// Fetches what is needed of a kernel into the folder.
fn fetch(kernel: &Kernel, folder: &Path) -> Result<()> {
    tools::programs(&[(DEPMOD, "kmod")])?;
    let parent = folder.parent().context("no folder for kernels")?;
    fs::create_dir_all(parent)?;
    let scratch = tempfile::tempdir_in(parent)?;
    let tree = scratch.path().join("tree");
    let image = unpack(kernel, &tree)?;
    let build = build_of(&image);
    // Renamed into place, so that half a kernel is never taken for one.
    let kept = scratch.path().join("kept");
    fs::create_dir(&kept)?;
    fs::write(kept.join("package"), format!("{image}\n"))?;
    fs::copy(find(&tree, "vmlinuz")?, kept.join("vmlinuz"))?;
    fs::copy(find(&tree, "config")?, kept.join("config"))?;
    keep_modules(&tree, build, &kept)?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::rename(kept, folder)?)
}

const PREFIX: &str = "linux-image-";

/// What the package of the image calls the build, as uname(1) does.
fn build_of(image: &str) -> &str {
    image.strip_prefix(PREFIX).unwrap_or_default()
}

/// Unpacks the newest build there; answers the name of its image's package.
fn unpack(kernel: &Kernel, tree: &Path) -> Result<String> {
    let suite = archive::open(kernel.suite)?;
    let packages = suite.packages(kernel.arch)?;
    let image = newest(kernel, &packages)?;
    let build = build_of(&image.name);
    // From 6.19 on, image, modules and configuration are packages of their own, which it needs.
    for package in archive::closure(&packages, &[&image.name]) {
        if package.name.ends_with(build) {
            say(format!("kernel {}: {} {}", kernel.name, package.name, package.version));
            suite.extract(&package, tree)?;
        }
    }
    Ok(image.name)
}

fn newest(kernel: &Kernel, packages: &[Package]) -> Result<Package> {
    let Kernel { suite, release, flavour, .. } = kernel;
    let mut newest: Option<&Package> = None;
    for package in packages.iter().filter(|package| is_build(&package.name, release, flavour)) {
        if newest.is_none_or(|best| is_newer(&package.version, &best.version)) {
            newest = Some(package);
        }
    }
    let Some(newest) = newest else {
        bail!("suite {suite} has no {PREFIX}{release}.*-{flavour}");
    };
    Ok(newest.clone())
}

/// Whether the package is `linux-image-RELEASE.BUILD-FLAVOUR`. Those that end in `-unsigned` or
/// `-dbg` are other forms of the same kernel; `cloud` before the flavour makes it another.
fn is_build(package: &str, release: &str, flavour: &str) -> bool {
    let rest = package.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(release));
    let build = rest.and_then(|rest| rest.strip_suffix(flavour)?.strip_suffix('-'));
    build.is_some_and(|build| {
        let numbered = |part: &str| part.contains(|c: char| c.is_ascii_digit());
        build.starts_with('.') && build.split('-').all(numbered)
    })
}

fn is_newer(version: &str, than: &str) -> bool {
    let mut cmd = Command::new("dpkg");
    cmd.args(["--compare-versions", version, "gt", than]);
    cmd.status().is_ok_and(|status| status.success())
}

/// The file called so, or so with the release after it, in `boot` or among the modules.
fn find(tree: &Path, name: &str) -> Result<PathBuf> {
    let is_it = |entry: &walkdir::DirEntry| {
        let file = entry.file_name().to_string_lossy();
        let rest = file.strip_prefix(name);
        entry.file_type().is_file() && rest.is_some_and(|r| r.is_empty() || r.starts_with('-'))
    };
    let found = WalkDir::new(tree).into_iter().filter_map(Result::ok).find(is_it);
    found.map(walkdir::DirEntry::into_path).with_context(|| format!("no {name} in the packages"))
}

/// Keeps the machines' modules, with those they need and a list of these.
fn keep_modules(tree: &Path, build: &str, kept: &Path) -> Result<()> {
    if !tree.join("lib").exists() {
        symlink("usr/lib", tree.join("lib"))?;
    }
    sh::output(Command::new(DEPMOD).arg("--basedir").arg(tree).arg(build))?;
    for module in machines::modules() {
        let mut cmd = Command::new(MODPROBE);
        cmd.args(["--show-depends", "--set-version", build, "--config", "/dev/null", "--dirname"]);
        let shown = sh::output(cmd.arg(tree).arg(module))?;
        let mut list = String::new();
        for path in needed(&shown) {
            let name = path.file_name().context("a module without a name")?;
            fs::copy(path, kept.join(name))?;
            list.push_str(&format!("{}\n", name.to_string_lossy()));
        }
        fs::write(kept.join(list_of(module)), list)?;
    }
    Ok(())
}

/// The files to load, as modprobe shows them; what is built in needs none.
fn needed(shown: &str) -> impl Iterator<Item = &Path> {
    shown.lines().filter_map(|line| line.strip_prefix("insmod ")).map(|path| Path::new(path.trim()))
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
    fn the_newest_signed_image_of_the_release_and_flavour_is_taken() {
        let packages = [
            package("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1"),
            package("linux-image-6.1.0-37-cloud-amd64", "6.1.140-1"),
            package("linux-image-6.1.0-38-cloud-amd64-unsigned", "6.1.147-1"),
            package("linux-image-6.1.0-38-amd64", "6.1.147-1"),
            package("linux-image-6.12.30+deb13-cloud-amd64", "6.12.30-1"),
            package("linux-image-6.12.30+deb13-amd64", "6.12.30-1"),
            package("linux-image-6.12.31+deb13-rt-amd64", "6.12.31-1"),
        ];
        let newest = |name| newest(Kernel::named(name).unwrap(), &packages).unwrap().name;
        assert_eq!(newest("6.1"), "linux-image-6.1.0-37-cloud-amd64");
        assert_eq!(newest("6.12-generic"), "linux-image-6.12.30+deb13-amd64");
        assert_eq!(newest("6.12-rt"), "linux-image-6.12.31+deb13-rt-amd64");
    }

    #[test]
    fn what_is_built_in_is_not_loaded() {
        let shown = "builtin virtio_pci\ninsmod /a/virtio.ko.xz \ninsmod /a/virtio_blk.ko.xz \n";
        let files: Vec<_> = needed(shown).collect();
        assert_eq!(files, [Path::new("/a/virtio.ko.xz"), Path::new("/a/virtio_blk.ko.xz")]);
    }
}
