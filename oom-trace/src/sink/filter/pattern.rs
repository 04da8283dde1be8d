//! Patterns: `*`, `?` and `[…]`.

use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use crate::incident::model::Container;
use crate::systemd;
use crate::text::{KernelText, SHORT_ID};

/// What makes a name a pattern.
const WILD: [char; 5] = ['*', '?', '[', '{', '\\'];

/// Where cgroups are mounted; a path may have been copied with it.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// What follows it where there are hierarchies of the first version.
const HIERARCHIES: [&str; 3] = ["/memory", "/unified", "/systemd"];

/// A shorter beginning of an id is a name.
const SHORTEST_ID: usize = 4;

/// What a path ends in that was copied with a file of its cgroup.
const FILES: [&str; 2] = ["memory.", "cgroup."];

/// Why a pattern is none.
#[derive(Debug, Error)]
pub enum PatternError {
    /// Its wildcards mean nothing.
    #[error("{:?} is not a pattern: {}", as_written(.0), .0.kind())]
    Glob(#[from] globset::Error),
    /// It would fit nothing, or all.
    #[error("it is empty: is a variable unset?")]
    Empty,
    /// It has a line feed or the like, as all of `/proc/self/cgroup` has.
    #[error(
        "a path is one line: in /proc/self/cgroup, what follows :memory: or, where no line has that, 0::"
    )]
    Lines,
    /// It is a path.
    #[error("no unit has a / in its name: the filter for a path is cgroup")]
    UnitPath,
}

/// At any depth: what a path that begins with no slash is given.
const ANYWHERE: &str = "**/";

fn as_written(error: &globset::Error) -> &str {
    let glob = error.glob().unwrap_or_default();
    glob.strip_prefix(ANYWHERE).unwrap_or(glob)
}

/// A pattern for a cgroup's path: `*` stays within a level, `**` does not. Without a wildcard it is that cgroup
/// and all below it. What does not begin with a slash fits at any depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    path: String,
    matcher: Matcher,
}

/// A pattern for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(Matcher);

/// A pattern for a systemd unit; a name without a suffix is a service's, as systemctl has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPattern(Matcher);

/// A pattern for a container's name or id, or the beginning of the id; also as Kubernetes writes it, `RUNTIME://ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPattern(NamePattern);

#[derive(Debug, Clone)]
struct Matcher(GlobMatcher);

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.0.glob() == other.0.glob()
    }
}

impl Eq for Matcher {}

impl Matcher {
    fn new(text: &str, in_levels: bool) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let glob = GlobBuilder::new(text).literal_separator(in_levels).build()?;
        Ok(Self(glob.compile_matcher()))
    }
}

impl PathPattern {
    /// Whether it fits a path.
    #[must_use]
    pub fn fits(&self, path: &KernelText) -> bool {
        self.matcher.0.is_match(&*path.to_utf8()) || (!self.is_wild() && self.fits_above(path))
    }

    /// Whether it fits a cgroup that this one is in.
    #[must_use]
    pub fn fits_above(&self, path: &KernelText) -> bool {
        let path = path.to_utf8();
        let mut above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        self.path == "/" || above.any(|path| self.matcher.0.is_match(path))
    }

    /// As it was written, but for the mount point.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.path
    }

    /// The only cgroup that it fits, with all below that, if it is no pattern.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (self.path.starts_with('/') && !self.is_wild()).then_some(&self.path)
    }

    /// Whether it is a pattern.
    #[must_use]
    pub fn is_wild(&self) -> bool {
        self.path.contains(WILD)
    }
}

impl NamePattern {
    /// Whether it fits a name.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        self.0.0.is_match(name)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.0.glob().glob()
    }
}

impl UnitPattern {
    /// Whether it fits a unit.
    #[must_use]
    pub fn fits(&self, unit: &str) -> bool {
        self.0.0.is_match(unit)
    }

    /// Whether it fits a unit or a slice in the path of a cgroup.
    #[must_use]
    pub fn fits_part(&self, path: &KernelText) -> bool {
        systemd::units(&path.to_utf8()).any(|unit| self.fits(unit))
    }

    /// As it was written, with the suffix.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.0.glob().glob()
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.contains(char::is_control) {
            return Err(PatternError::Lines);
        }
        let path = match below(text, MOUNT_POINT) {
            Some(path) => {
                without_file(HIERARCHIES.iter().find_map(|it| below(path, it)).unwrap_or(path))
            }
            None => text,
        };
        let path = match path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        let is_whole = path.starts_with('/') || path.starts_with("**");
        let glob = if is_whole { path.to_owned() } else { format!("{ANYWHERE}{path}") };
        Ok(Self { path: path.to_owned(), matcher: Matcher::new(&glob, true)? })
    }
}

/// The folder, of a path that ends in one of its files.
fn without_file(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, name)) if FILES.iter().any(|file| name.starts_with(file)) => folder,
        _ => path,
    }
}

/// What follows the beginning of a path, if that ends where a name does.
fn below<'a>(path: &'a str, beginning: &str) -> Option<&'a str> {
    path.strip_prefix(beginning).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl ContainerPattern {
    /// Whether it fits a container; `None` where it may be the name, which is not known.
    #[must_use]
    pub fn fits(&self, container: &Container) -> Option<bool> {
        let Container { id, name, .. } = container;
        if self.0.fits(id) || is_beginning(self.text(), id) {
            return Some(true);
        }
        let is_id = self.text().len() >= SHORT_ID && self.text().bytes().all(is_digit);
        match name {
            Some(name) => Some(self.0.fits(name)),
            None => is_id.then_some(false),
        }
    }

    /// As it was written, but for the runtime.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text()
    }
}

/// Whether somebody who wrote this may have begun to write that id.
pub(super) fn is_beginning(text: &str, id: &str) -> bool {
    let is_part = |byte| byte == b'-' || is_digit(byte);
    text.len() >= SHORTEST_ID && text.bytes().all(is_part) && id.starts_with(text)
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

impl FromStr for ContainerPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        text.rsplit_once("://").map_or(text, |(_runtime, id)| id).parse().map(Self)
    }
}

impl FromStr for NamePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Matcher::new(text, false).map(Self)
    }
}

impl FromStr for UnitPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.contains('/') {
            return Err(PatternError::UnitPath);
        }
        let is_bare = !text.is_empty() && !text.contains('.') && !text.contains(WILD);
        let whole = if is_bare { format!("{text}.service") } else { text.to_owned() };
        Matcher::new(&whole, false).map(Self)
    }
}

fn read<'de, D: Deserializer<'de>, T: FromStr<Err = PatternError>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for ContainerPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for NamePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for UnitPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_suffix_is_a_service() {
        let fits = |pattern: &str, unit| pattern.parse::<UnitPattern>().unwrap().fits(unit);
        assert!(fits("nginx", "nginx.service") && fits("nginx.service", "nginx.service"));
        assert!(!fits("nginx", "nginx.scope") && !fits("nginx", "nginx"));
        assert!(fits("ngin*", "nginx.scope") && fits("user@*.service", "user@1000.service"));
    }

    fn fits(pattern: &str, path: &str) -> bool {
        pattern.parse::<PathPattern>().unwrap().fits(&KernelText::from(path))
    }

    #[test]
    fn a_star_in_a_path_stays_within_a_level() {
        assert!(fits("/a/*", "/a/b") && !fits("/a/*", "/a/b/c") && fits("/a/**", "/a/b/c"));
    }

    #[test]
    fn a_path_stands_for_what_is_below_it_and_for_nothing_beside_it() {
        for path in ["/a", "/a/b", "/a/b/c"] {
            assert!(fits("/a", path) && fits("/a/", path) && fits("/", path), "{path}");
        }
        assert!(fits("/", "/"));
        assert!(!fits("/a", "/ab") && !fits("/a", "/") && !fits("/a", "/b/a"));
    }

    #[test]
    fn what_begins_with_no_slash_fits_at_any_depth() {
        for pattern in ["job-1", "b.service/job-1", "*-1", "**/job-1", "a/b.service"] {
            assert!(fits(pattern, "/a/b.service/job-1"), "{pattern}");
        }
        assert!(
            fits("job-1", "/job-1/x") && !fits("job-1", "/a/job-11") && !fits("ob-1", "/job-1")
        );
    }

    #[test]
    fn a_path_may_be_copied_from_where_cgroups_are_mounted() {
        for mount_point in
            ["", "/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified/"]
        {
            let pattern: PathPattern = format!("{mount_point}/a/b/").parse().unwrap();
            assert_eq!(pattern.literal().map(|path| path.trim_start_matches('/')), Some("a/b"));
            assert!(fits(&format!("{mount_point}/"), "/any"), "{mount_point}");
        }
        assert!(fits("/sys/fs/cgroups", "/sys/fs/cgroups"));
        assert!(fits("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/a/b"));
        assert!(fits("/sys/fs/cgroup/a/cgroup.procs", "/a") && !fits("/a/memory.x", "/a"));
    }

    #[test]
    fn a_container_is_known_by_its_name_and_by_its_id_and_its_beginning() {
        let id = "4b5e57f6eb2f".to_owned() + &"0".repeat(52);
        let mut container = Container { runtime: None, id, name: None, image: None };
        let fits = |pattern: &str, it: &_| pattern.parse::<ContainerPattern>().unwrap().fits(it);
        for pattern in ["4b5e", "4b5e57f6eb2f", "containerd://4b5e57f6eb2f", "4b5e*"] {
            assert_eq!(fits(pattern, &container), Some(true), "{pattern}");
        }
        // Its name may be that.
        for pattern in ["web", "4b5", "w*"] {
            assert_eq!(fits(pattern, &container), None, "{pattern}");
        }
        assert_eq!(fits("4b5e57f6eb20", &container), Some(false));
        container.name = Some("web".to_owned());
        assert_eq!((fits("web", &container), fits("4b5", &container)), (Some(true), Some(false)));
    }

    /// A script's variable may be unset, or hold more than it should: that would fit no kill, as if there was
    /// none.
    #[test]
    fn what_can_fit_nothing_is_no_pattern() {
        assert!("".parse::<PathPattern>().is_err() && "".parse::<NamePattern>().is_err());
        assert!("".parse::<UnitPattern>().is_err() && "/".parse::<UnitPattern>().is_err());
        assert!("a.service/b".parse::<UnitPattern>().is_err());
        assert!("/a\n/b".parse::<PathPattern>().is_err());
        // As it was written.
        let error = "a[b".parse::<PathPattern>().unwrap_err().to_string();
        assert!(error.starts_with("\"a[b\" is not a pattern: unclosed "), "{error}");
    }
}
