//! Every member of the workspace inherits its lints.

use std::fs;

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use serde::Deserialize;

use crate::sh;

/// The members that do not, each as a line of its own.
pub(super) fn check() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().current_dir(sh::root()).no_deps().exec()?;
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let path = &package.manifest_path;
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        if !inherits(&text).with_context(|| format!("in {path}"))? {
            found.push(format!("{path}: lacks `[lints] workspace = true`"));
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    lints: Lints,
}

#[derive(Default, Deserialize)]
struct Lints {
    #[serde(default)]
    workspace: bool,
}

fn inherits(manifest: &str) -> Result<bool> {
    Ok(toml::from_str::<Manifest>(manifest)?.lints.workspace)
}

#[cfg(test)]
mod tests {
    use super::inherits;

    #[test]
    fn only_a_manifest_that_inherits_passes() {
        assert!(inherits("[package]\nname = \"a\"\n[lints]\nworkspace = true\n").unwrap());
        assert!(!inherits("[package]\nname = \"a\"\n").unwrap());
        assert!(!inherits("[lints.rust]\nunsafe_code = \"allow\"\n").unwrap());
    }
}
