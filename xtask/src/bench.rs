//! What the agent costs, alone and beside what people use today, on one kernel, in one boot.

use std::fs;
use std::io;
use std::iter;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use walkdir::WalkDir;
use xtask::job::BENCH_PARTS;

use crate::artifacts::Binary;
use crate::sh::{self, say};
use crate::vm::kernels::Kernel;
use crate::vm::machines::PLAIN;
use crate::vm::{self, Ending, Guest, Payload, archive};

const KERNEL: &str = "6.12";
/// Where the other tools come from, with all that they depend on.
const SUITE: &str = "trixie";
const PACKAGES: &[&str] = &["libbpf-tools", "bpftrace"];
/// What is run of them.
const PROGRAMS: &[&str] = &["usr/sbin/oomkill-libbpf", "usr/bin/bpftrace", SCRIPT];
const SCRIPT: &str = "usr/sbin/oomkill.bt";
const PAGE: &str = "docs/benchmarks.md";

/// Measures, prints the tables, and writes the page; a part alone is only printed.
pub(crate) fn run(part: Option<String>) -> Result<()> {
    let kernel = Kernel::named(KERNEL)?;
    let root = root(kernel)?;
    let is_whole = part.is_none();
    let command: Vec<_> = iter::once("/bin/guest-bench".to_owned()).chain(part).collect();
    let payload = Payload::of_command(&command, kernel.arch)?
        .with("/bin/guest-bench", Binary::GUEST_BENCH)?
        .with_tree(root.clone());
    let guest = Guest { kernel, machine: &PLAIN };
    match guest.run(&payload, &mut io::stdout())? {
        Ending::Exit(0) => {}
        ending => bail!("guest-bench: {ending}"),
    }
    if is_whole {
        let versions = fs::read_to_string(root.with_extension("versions"))?;
        let page = page(&guest.out(), &kernel.package()?, &versions)?;
        fs::write(sh::root().join(PAGE), page)?;
        say(format!("written to {PAGE}"));
    }
    Ok(())
}

/// Puts in the template what stands there in braces: the parts' tables, and what was measured.
fn page(tables: &Path, kernel: &str, versions: &str) -> Result<String> {
    let mut page =
        include_str!("bench.md").replace("{kernel}", kernel).replace("{versions}", versions);
    for part in BENCH_PARTS {
        let table = fs::read_to_string(tables.join(format!("{part}.md")))?;
        page = page.replace(&format!("{{{part}}}"), table.trim());
    }
    Ok(page)
}

/// The other tools' files; unpacked once.
fn root(kernel: &Kernel) -> Result<PathBuf> {
    let root = vm::folder().join("bench-root");
    if root.exists() {
        return Ok(root);
    }
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
    fs::write(root.with_extension("versions"), versions.join(", "))?;
    fs::rename(tree, &root)?;
    Ok(root)
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
