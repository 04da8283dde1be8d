//! Debian's archive, as far as this machine's apt sources lead to it. Every byte is checked: the
//! suite's release file against Debian's keyring, the rest against the sums in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::arch::Arch;
use crate::setup::{apt, tools};
use crate::sh;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// apt's own downloader, with the machine's proxy and certificate settings: it checks sums, and
/// reads every compression that archives have.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// A suite whose release file has been verified.
pub(crate) struct Suite {
    repository: String,
    name: String,
    release: String,
}

/// A binary package of a suite.
#[derive(Debug, Default, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    depends: Vec<String>,
    filename: String,
    sha256: String,
}

/// Finds the suite in the repositories this machine installs from.
pub(crate) fn open(name: &str) -> Result<Suite> {
    tools::programs(&[("gpgv", "gpgv")])?;
    apt::install(&["debian-archive-keyring"])?;
    let mut failed = String::new();
    for repository in apt::repositories()? {
        match release(&repository, name) {
            Ok(release) => return Ok(Suite { repository, name: name.to_owned(), release }),
            Err(err) => failed.push_str(&format!("\n- {err:#}")),
        }
    }
    bail!("no repository of this machine's apt sources has suite {name}:{failed}")
}

fn release(repository: &str, suite: &str) -> Result<String> {
    let scratch = tempfile::tempdir()?;
    let signed = scratch.path().join("InRelease");
    download(&format!("{repository}dists/{suite}/InRelease"), &signed, None)?;
    let release = scratch.path().join("Release");
    let mut gpgv = Command::new("gpgv");
    gpgv.args(["--keyring", KEYRING, "--status-fd", "1", "--output"]).arg(&release).arg(&signed);
    // gpgv fails when one of several signatures is by a key it lacks; one that it has is enough.
    let out = gpgv.output().context("cannot start gpgv")?;
    let status = String::from_utf8_lossy(&out.stdout);
    let has = |word: &str| status.lines().any(|line| line.split(' ').nth(1) == Some(word));
    if !has("VALIDSIG") || has("BADSIG") {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("the signature of {suite}'s InRelease is not Debian's:\n{}", sh::tail(&said));
    }
    Ok(fs::read_to_string(release)?)
}

impl Suite {
    /// As sources.list(5) has it.
    pub(crate) fn source(&self) -> String {
        format!("deb [signed-by={KEYRING}] {} {} main", self.repository, self.name)
    }

    /// All packages of the suite's main component for the architecture.
    pub(crate) fn packages(&self, arch: &Arch) -> Result<Vec<Package>> {
        let path = format!("main/binary-{}/Packages.xz", arch.debian);
        let sum = sum_of(&self.release, &path)
            .with_context(|| format!("the release file of {} lists no {path}", self.name))?;
        let scratch = tempfile::tempdir()?;
        let index = scratch.path().join("Packages.xz");
        download(&format!("{}dists/{}/{path}", self.repository, self.name), &index, Some(sum))?;
        let text = sh::output(Command::new(HELPER).arg("cat-file").arg(index))?;
        Ok(text.split("\n\n").filter_map(parse).collect())
    }

    /// The package of this name.
    pub(crate) fn package(&self, arch: &Arch, name: &str) -> Result<Package> {
        let found = self.packages(arch)?.into_iter().find(|package| package.name == name);
        found.with_context(|| format!("suite {} has no {name}", self.name))
    }

    /// Downloads the package and unpacks it into the folder.
    pub(crate) fn extract(&self, package: &Package, tree: &Path) -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("package.deb");
        let uri = format!("{}{}", self.repository, package.filename);
        download(&uri, &file, Some(&package.sha256))?;
        sh::output(Command::new("dpkg-deb").arg("--extract").arg(file).arg(tree)).map(drop)
    }
}

/// The named packages and all that they depend on.
pub(crate) fn closure(packages: &[Package], names: &[&str]) -> Vec<Package> {
    let mut found: Vec<Package> = Vec::new();
    let mut wanted: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    while let Some(name) = wanted.pop() {
        let known = found.iter().any(|package| package.name == name);
        let package = packages.iter().find(|package| package.name == name && !known);
        if let Some(package) = package {
            wanted.extend(package.depends.iter().cloned());
            found.push(package.clone());
        }
    }
    found
}

fn download(uri: &str, to: &Path, sha256: Option<&str>) -> Result<()> {
    let mut cmd = Command::new(HELPER);
    cmd.arg("download-file").arg(uri).arg(to);
    if let Some(sum) = sha256 {
        cmd.arg(format!("SHA256:{sum}"));
    }
    sh::output(&mut cmd).map(drop)
}

/// The SHA-256 of a file in the release file's list: ` SUM SIZE PATH` below `SHA256:`.
fn sum_of<'a>(release: &'a str, path: &str) -> Option<&'a str> {
    let lines = release.lines().skip_while(|line| *line != "SHA256:").skip(1);
    lines.take_while(|line| line.starts_with(' ')).find_map(|line| {
        let mut words = line.split_whitespace();
        let sum = words.next()?;
        (words.nth(1)? == path).then_some(sum)
    })
}

fn parse(stanza: &str) -> Option<Package> {
    let field = |name: &str| {
        let value = |line: &'_ str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
        stanza.lines().find_map(value)
    };
    Some(Package {
        name: field("Package")?,
        version: field("Version")?,
        depends: ["Pre-Depends", "Depends"]
            .iter()
            .filter_map(|name| field(name))
            .collect::<Vec<_>>()
            .iter()
            .flat_map(|list| list.split(','))
            .filter_map(name_in)
            .collect(),
        filename: field("Filename")?,
        sha256: field("SHA256")?,
    })
}

/// The package a dependency names first: `libc6 (>= 2.38) | libc7` is `libc6`.
fn name_in(dependency: &str) -> Option<String> {
    dependency.trim().split([' ', ':', '|', '(']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_taken_from_its_own_list() {
        let release =
            "Suite: x\nMD5Sum:\n aa 1 a/b\nSHA256:\n bb 1 a\n cc 1 a/b\nEnd: 1\n dd 1 c\n";
        assert_eq!(sum_of(release, "a/b"), Some("cc"));
        assert_eq!(sum_of(release, "c"), None);
    }

    #[test]
    fn dependencies_are_followed() {
        let stanza = |name, depends| {
            format!("Package: {name}\nVersion: 1\nFilename: f\nSHA256: s\nDepends: {depends}")
        };
        let all = [
            stanza("a", "b (>= 1) | x, c:any"),
            stanza("b", "c, virtual"),
            stanza("c", "a\nPre-Depends: d"),
            stanza("d", "a"),
        ];
        let all: Vec<_> = all.iter().filter_map(|stanza| parse(stanza)).collect();
        let names: Vec<_> = closure(&all, &["a"]).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["a", "c", "d", "b"]);
    }

    #[test]
    fn a_stanza_without_a_sum_is_no_package() {
        let stanza = "Package: p\nVersion: 1\nDescription: d\n text\nFilename: pool/p.deb";
        assert!(parse(stanza).is_none());
        let package = parse(&format!("{stanza}\nSHA256: ab")).unwrap();
        assert_eq!((package.name.as_str(), package.sha256.as_str()), ("p", "ab"));
    }
}
