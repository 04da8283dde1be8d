//! The other tools, for the guest.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;
use walkdir::WalkDir;

use crate::sh::say;
use crate::vm::kernels::Kernel;
use crate::vm::{self, archive};

/// Where they come from, with all that they depend on.
const SUITE: &str = "trixie";
const PACKAGES: &[&str] = &["libbpf-tools", "bpftrace", "grep"];
/// What is run of them.
const PROGRAMS: &[&str] = &["usr/sbin/oomkill-libbpf", "usr/bin/bpftrace", SCRIPT, "usr/bin/grep"];
const SCRIPT: &str = "usr/sbin/oomkill.bt";

/// Files to be laid over the guest's root.
pub(super) struct Root {
    pub(super) tree: PathBuf,
    /// The packages that are run, as people write them.
    pub(super) versions: String,
}

/// Unpacked once for each choice of packages.
pub(super) fn get(kernel: &Kernel) -> Result<Root> {
    let root = vm::folder().join(format!("bench-root-{}", PACKAGES.join("-")));
    let list = root.with_extension("versions");
    if !root.exists() {
        unpack(kernel, &root, &list)?;
    }
    Ok(Root { tree: root, versions: fs::read_to_string(list)? })
}

fn unpack(kernel: &Kernel, root: &Path, list: &Path) -> Result<()> {
    let suite = archive::open(SUITE)?;
    let scratch = tempfile::tempdir_in(vm::folder())?;
    let tree = scratch.path().join("tree");
    let mut versions = Vec::new();
    for package in archive::closure(&suite.packages(kernel.arch)?, PACKAGES) {
        say(format!("bench: {} {}", package.name, package.version));
        if PACKAGES.contains(&package.name.as_str()) {
            versions.push(format!("{} {}", package.name, package.version));
        }
        suite.extract(&package, &tree)?;
    }
    for entry in WalkDir::new(&tree) {
        let entry = entry?;
        if entry.file_type().is_file() && !is_wanted(entry.path().strip_prefix(&tree)?) {
            fs::remove_file(entry.path())?;
        }
    }
    let script = tree.join(SCRIPT);
    fs::write(&script, without_includes(&fs::read_to_string(&script)?))?;
    for name in ["lib", "lib64"] {
        symlink(format!("usr/{name}"), tree.join(name))?;
    }
    fs::write(list, versions.join(", "))?;
    Ok(fs::rename(tree, root)?)
}

/// The programs, and the libraries of all packages; the rest would only fill the guest's memory.
fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    PROGRAMS.iter().any(|program| path == Path::new(program))
        || name.ends_with(".so")
        || name.contains(".so.")
}

/// bpftrace's script without what it includes on a kernel that lacks type information: the parser
/// for C that this brings in crashes in a guest as bare as ours.
fn without_includes(script: &str) -> String {
    let mut included = false;
    let mut kept = String::new();
    for line in script.split_inclusive('\n') {
        included |= line.starts_with("#ifndef");
        if !included {
            kept.push_str(line);
        }
        included &= !line.starts_with("#endif");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::without_includes;

    #[test]
    fn only_the_includes_are_cut() {
        let script = "#!/usr/bin/env x\n#ifndef A\n#include <b>\n#endif\nBEGIN\n";
        assert_eq!(without_includes(script), "#!/usr/bin/env x\nBEGIN\n");
    }
}
