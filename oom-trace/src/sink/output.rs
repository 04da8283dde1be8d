//! `--output [FORMAT:]FILE`.

use std::str::FromStr;

use thiserror::Error;

use super::FileConfig;
use crate::render::{Format, UnknownFormat};

/// What is wrong with an `--output`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutputError {
    /// Before the colon stands what looks like a format and is none.
    #[error("{0}; if it begins a file's name, put ./ before it")]
    Format(UnknownFormat),
    /// Nothing stands after the colon, or nothing at all.
    #[error("no file given; expected [FORMAT:]FILE, such as json:/var/log/oom-trace.json")]
    NoFile,
    /// `-`.
    #[error("- is not a file: use --format for standard output, or ./- for a file of that name")]
    Stdout,
}

impl FromStr for FileConfig {
    type Err = OutputError;

    /// Lower-case letters before the first colon are a format, so that a slip such as `jsn:/x`
    /// does not become a file of that name.
    fn from_str(spec: &str) -> Result<Self, Self::Err> {
        let (format, path) = match spec.split_once(':') {
            Some((word, path))
                if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()) =>
            {
                (word.parse().map_err(OutputError::Format)?, path)
            }
            _ => (Format::Json, spec),
        };
        match path {
            "" => Err(OutputError::NoFile),
            "-" => Err(OutputError::Stdout),
            path => Ok(Self::new(format, path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_may_lead() {
        for (given, format, path) in [
            ("/var/log/x", Format::Json, "/var/log/x"),
            ("json:/var/log/x", Format::Json, "/var/log/x"),
            ("kernel:oom:1.log", Format::Kernel, "oom:1.log"),
            ("/a:b", Format::Json, "/a:b"),
            ("./jsn:x", Format::Json, "./jsn:x"),
            ("2026-11-23T03:08", Format::Json, "2026-11-23T03:08"),
            (":x", Format::Json, ":x"),
        ] {
            assert_eq!(given.parse(), Ok(FileConfig::new(format, path)), "{given}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_to_write() {
        for (given, error) in [
            (
                "jsn:/x",
                "unknown format \"jsn\"; expected one of text, compact, json, kernel; if it begins a \
                 file's name, put ./ before it",
            ),
            ("json:", "no file given"),
            ("", "no file given"),
            ("text:-", "- is not a file"),
        ] {
            let got = given.parse::<FileConfig>().unwrap_err().to_string();
            assert!(got.starts_with(error), "{got}");
        }
    }
}
