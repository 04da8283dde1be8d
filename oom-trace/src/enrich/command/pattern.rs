//! What the user wants taken out of arguments.

use std::ops::Range;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de};

/// The group of a pattern that is the secret; without it all that matches is.
const SECRET: &str = "secret";

/// A regular expression, of bytes: an argument need not be UTF-8, and a secret does not end where it is none.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    has_group: bool,
}

/// Not a regular expression.
#[derive(Debug, thiserror::Error)]
#[error("{0}\nthe syntax is that of https://docs.rs/regex/1/regex/#syntax")]
pub struct PatternError(#[from] regex::Error);

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(text).unicode(false).build()?;
        let has_group = regex.capture_names().flatten().any(|name| name == SECRET);
        Ok(Self { regex, has_group })
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    pub(super) fn find(&self, argument: &[u8], found: &mut Vec<Range<usize>>) {
        if self.has_group {
            let matches = self.regex.captures_iter(argument);
            found.extend(matches.filter_map(|groups| Some(groups.name(SECRET)?.range())));
        } else {
            found.extend(self.regex.find_iter(argument).map(|found| found.range()));
        }
    }
}
