//! Rules over all source files of the workspace.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::TokenStream;
use walkdir::WalkDir;

use super::circles::House;
use super::{imports, tokens};

/// A file one reads at a sitting.
const MAX_LINES: usize = 400;

/// Where unsafe code may stand: talking to the kernel is what these are for.
const MAY_BE_UNSAFE: &[&str] = &[
    "oom-trace-ebpf/src/",
    "oom-trace/src/bpf/sys.rs",
    "oom-trace/src/bpf/sys/",
    "oom-trace/tests/guest/sys.rs",
];

/// Each holds a crate's modules.
const CRATES: [&str; 4] =
    ["oom-trace/src/", "oom-trace-ebpf/src/", "oom-trace-common/src/", "xtask/src/"];

/// Folders without sources of ours.
const SKIPPED: &[&str] = &["target", ".git"];

/// All that breaks a rule, each as `file:line: what`.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut houses = CRATES.map(|place| (place, House::default()));
    each(root, |name, source| {
        let errors = check_file(name, source).with_context(|| name.to_owned())?;
        found.extend(errors.into_iter().map(|(line, what)| format!("{name}:{line}: {what}")));
        for (place, house) in &mut houses {
            if let Some(below) = name.strip_prefix(*place) {
                house.take(name, below, source).with_context(|| name.to_owned())?;
            }
        }
        Ok(())
    })?;
    found.extend(houses.iter().flat_map(|(_, house)| house.circles()));
    Ok(found)
}

/// Shows each source file, by its path from the root.
pub(super) fn each(root: &Path, mut show: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
    let skipped = |name: &str| SKIPPED.contains(&name);
    let entries = WalkDir::new(root).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !skipped(&entry.file_name().to_string_lossy())) {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            show(&path.strip_prefix(root)?.to_string_lossy(), &fs::read_to_string(&path)?)?;
        }
    }
    Ok(())
}

fn check_file(name: &str, source: &str) -> Result<Vec<(usize, String)>> {
    let tokens: TokenStream =
        source.parse().map_err(|err: proc_macro2::LexError| anyhow!("not Rust: {err}"))?;
    let mut found = Vec::new();
    let lines = source.lines().count();
    if lines > MAX_LINES {
        found.push((lines, format!("{lines} lines; a file has at most {MAX_LINES}")));
    }
    if !MAY_BE_UNSAFE.iter().any(|place| name.starts_with(place)) {
        let unsafes = tokens::lines_of(tokens.clone(), "unsafe").into_iter();
        let what = format!("unsafe code; its places are {}", MAY_BE_UNSAFE.join(", "));
        found.extend(unsafes.map(|line| (line, what.clone())));
    }
    if let Some(module) = name.strip_prefix("oom-trace/src/").and_then(|p| p.strip_suffix(".rs")) {
        let module: Vec<_> =
            module.trim_end_matches("/mod").split('/').map(str::to_owned).collect();
        found.extend(imports::check(&module, tokens));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(name: &str, source: &str) -> usize {
        check_file(name, source).unwrap().len()
    }

    #[test]
    fn unsafe_code_has_its_places() {
        let source = "fn f() { unsafe { g() } }";
        assert_eq!(errors("oom-trace-ebpf/src/kernel.rs", source), 0);
        assert_eq!(errors("oom-trace/src/bpf/sys.rs", source), 0);
        assert_eq!(errors("oom-trace/src/wire.rs", source), 1);
        assert_eq!(errors("xtask/src/main.rs", source), 1);
        assert_eq!(errors("xtask/src/main.rs", "#![deny(unsafe_code)]"), 0);
    }

    #[test]
    fn long_files_are_named() {
        assert_eq!(errors("xtask/src/a.rs", &"\n".repeat(MAX_LINES)), 0);
        assert_eq!(errors("xtask/src/a.rs", &"\n".repeat(MAX_LINES + 1)), 1);
    }

    #[test]
    fn the_agent_keeps_the_import_rules() {
        assert_eq!(errors("oom-trace/src/sink/mod.rs", "use crate::bpf::Ring;"), 1);
        assert_eq!(errors("oom-trace/src/sink/mod.rs", "mod file; use self::file::File;"), 0);
        assert_eq!(errors("oom-trace/tests/guest.rs", "use oom_trace::bpf;"), 0);
    }
}
