//! The kernel's release.

use std::fmt::{self, Display, Formatter};

/// As `uname -r` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    text: String,
    version: (u32, u32),
}

impl Release {
    /// Takes the text apart; a part that is no number counts as 0.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Self { text: text.to_owned(), version }
    }

    /// Major and minor number, such as `(6, 12)`.
    #[must_use]
    pub const fn version(&self) -> (u32, u32) {
        self.version
    }
}

impl Display for Release {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn the_version_is_the_first_two_numbers() {
        for (text, version) in [
            ("6.12.107+deb13-cloud-amd64", (6, 12)),
            ("5.10.0-32-amd64", (5, 10)),
            ("7.3-rc1", (7, 3)),
            ("6", (6, 0)),
            ("", (0, 0)),
        ] {
            assert_eq!(Release::new(text).version(), version, "{text}");
        }
    }
}
