//! Patterns: `*`, `?` and `[…]`.

use std::str::FromStr;

use globset::{Error, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, de};

use crate::text::KernelText;

/// What makes a name a pattern.
const WILD: [char; 4] = ['*', '?', '[', '{'];

/// A pattern for a cgroup's path: `*` stays within a level, `**` does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(Matcher);

/// A pattern for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(Matcher);

/// A pattern for a systemd unit; a name without a suffix is a service's, as systemctl has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPattern(Matcher);

#[derive(Debug, Clone)]
struct Matcher(GlobMatcher);

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.0.glob() == other.0.glob()
    }
}

impl Eq for Matcher {}

impl Matcher {
    fn new(text: &str, in_levels: bool) -> Result<Self, Error> {
        let glob = GlobBuilder::new(text).literal_separator(in_levels).build()?;
        Ok(Self(glob.compile_matcher()))
    }
}

impl PathPattern {
    /// Whether it fits a path.
    #[must_use]
    pub fn fits(&self, path: &KernelText) -> bool {
        self.0.0.is_match(&*path.to_utf8())
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.0.glob().glob()
    }

    /// The only path that it fits, if it is no pattern.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        let text = self.text();
        (!text.contains(WILD) && !text.contains('\\')).then_some(text)
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

    /// As it was written, with the suffix.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.0.glob().glob()
    }
}

impl FromStr for PathPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Matcher::new(text, true).map(Self)
    }
}

impl FromStr for NamePattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Matcher::new(text, false).map(Self)
    }
}

impl FromStr for UnitPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_bare = !text.contains('.') && !text.contains(WILD);
        let whole = if is_bare { format!("{text}.service") } else { text.to_owned() };
        Matcher::new(&whole, false).map(Self)
    }
}

fn read<'de, D: Deserializer<'de>, T: FromStr<Err = Error>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for PathPattern {
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

    #[test]
    fn a_star_in_a_path_stays_within_a_level() {
        let fits = |pattern: &str, path: &str| {
            pattern.parse::<PathPattern>().unwrap().fits(&KernelText::from(path))
        };
        assert!(fits("/a/*", "/a/b") && !fits("/a/*", "/a/b/c") && fits("/a/**", "/a/b/c"));
    }
}
