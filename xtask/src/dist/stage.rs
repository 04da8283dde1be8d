//! The files of a package at their places below one folder, which both kinds of packages are made of:
//! `oom-trace/Cargo.toml` names them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use walkdir::WalkDir;

use super::archive::gzip;
use super::{Release, work};
use crate::sh;

/// Where the unit says that the agent is, when it is put there by hand; a package has it elsewhere.
const BY_HAND: &str = "/usr/local/bin/oom-trace";
const PACKAGED: &str = "/usr/bin/oom-trace";

/// Files of the source, and where they go.
const AS_THEY_ARE: [(&str, &str); 13] = [
    ("dist/config.toml", "etc/oom-trace/config.toml"),
    ("dist/logrotate/oom-trace", "etc/logrotate.d/oom-trace"),
    ("dist/journal/oom-trace.catalog", "usr/lib/systemd/catalog/oom-trace.catalog"),
    ("dist/systemd/oom-trace.tmpfiles", "usr/lib/tmpfiles.d/oom-trace.conf"),
    ("dist/systemd/oom-trace.tmpfiles", "units/oom-trace.tmpfile"),
    ("dist/systemd/network.conf", "usr/share/oom-trace/network.conf"),
    ("dist/systemd/textfile.conf", "usr/share/oom-trace/textfile.conf"),
    ("README.md", "usr/share/doc/oom-trace/README.md"),
    ("dist/debian/copyright", "usr/share/doc/oom-trace/copyright"),
    ("dist/debian/lintian-overrides", "usr/share/lintian/overrides/oom-trace"),
    ("LICENSE-APACHE", "usr/share/licenses/oom-trace/LICENSE-APACHE"),
    ("LICENSE-MIT", "usr/share/licenses/oom-trace/LICENSE-MIT"),
    ("LICENSE-GPL2", "usr/share/licenses/oom-trace/LICENSE-GPL2"),
];

/// Puts everything there, and takes away what was there before.
pub(super) fn fill(release: &Release<'_>, agent: &Path, pages: &Path) -> Result<()> {
    let root = work().join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    let put = |path: &str, bytes: &[u8]| -> Result<()> {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    put("usr/bin/oom-trace", &fs::read(agent)?)?;
    fs::set_permissions(root.join("usr/bin/oom-trace"), fs::Permissions::from_mode(0o755))?;
    for (from, to) in AS_THEY_ARE {
        put(to, &read(from)?)?;
    }
    let unit = String::from_utf8(read("dist/systemd/oom-trace.service")?)?;
    ensure!(unit.contains(BY_HAND), "the unit does not start {BY_HAND}");
    let unit = unit.replace(BY_HAND, PACKAGED);
    put("usr/lib/systemd/system/oom-trace.service", unit.as_bytes())?;
    // cargo-deb wants those together that its scripts are to start and to make.
    put("units/oom-trace.service", unit.as_bytes())?;
    put("usr/share/doc/oom-trace/changelog.gz", &gzip(&read("CHANGELOG.md")?)?)?;
    put("debian-changelog", changelog(release)?.as_bytes())?;
    for entry in WalkDir::new(pages).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(pages)?.to_string_lossy().into_owned();
            let bytes = fs::read(entry.path())?;
            if name.starts_with("man/") {
                put(&format!("usr/share/{name}.gz"), &gzip(&bytes)?)?;
            } else {
                put(&format!("usr/share/{name}"), &bytes)?;
            }
        }
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>> {
    let path = sh::root().join(path);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// As deb-changelog(5) wants it; what changed is in the project's own.
fn changelog(release: &Release<'_>) -> Result<String> {
    let when = release.source.time("+%a, %d %b %Y %H:%M:%S %z")?;
    Ok(format!(
        "oom-trace ({version}-1) unstable; urgency=medium\n\n  * Release {version}; what is new is in \
         /usr/share/doc/oom-trace/changelog.gz.\n\n -- oom-trace maintainers \
         <oom-trace@users.noreply.github.com>  {when}\n",
        version = release.version
    ))
}
