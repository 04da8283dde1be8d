//! `--since`: a moment, or how long ago it was.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// The moment from which on kills are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// That is sure.
    At(Timestamp),
    /// By a clock on the wall.
    Civil(DateTime),
}

impl Since {
    /// What is meant: a time without a zone as the output shows times.
    #[must_use]
    pub fn moment(self, utc: bool) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Civil(time) => {
                let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
                // Of an hour that comes twice, the first.
                time.to_zoned(zone).map_or(Timestamp::UNIX_EPOCH, |time| time.timestamp())
            }
        }
    }
}

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid time {0:?} (examples: 2026-11-23T06:00:00Z, 2h, 30m, 7d)")]
pub struct SinceError(String);

impl FromStr for Since {
    type Err = SinceError;

    fn from_str(text: &str) -> Result<Self, SinceError> {
        since(text, &Zoned::now()).ok_or_else(|| SinceError(text.to_owned()))
    }
}

fn since(text: &str, now: &Zoned) -> Option<Since> {
    if let Ok(time) = text.parse() {
        return Some(Since::At(time));
    }
    if let Ok(time) = text.parse() {
        return Some(Since::Civil(time));
    }
    let ago: Span = text.parse().ok()?;
    now.checked_sub(ago.abs()).ok().map(|then| Since::At(then.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_how_long_ago() {
        let now: Zoned = "2026-11-23T06:00:00+00:00[UTC]".parse().unwrap();
        for (text, expected) in [
            ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("2026-11-22T01:00:00+01:00", "2026-11-22T00:00:00Z"),
            ("2h", "2026-11-23T04:00:00Z"),
            ("30m", "2026-11-23T05:30:00Z"),
            ("7d", "2026-11-16T06:00:00Z"),
            ("1d 2h", "2026-11-22T04:00:00Z"),
        ] {
            assert_eq!(since(text, &now), Some(Since::At(expected.parse().unwrap())), "{text}");
        }
        let civil = since("2026-11-22T00:00:00", &now).unwrap();
        assert_eq!(civil.moment(true), "2026-11-22T00:00:00Z".parse().unwrap());
        assert_eq!(since("yesterday", &now), None);
        assert!("x".parse::<Since>().unwrap_err().to_string().contains("2h"));
    }
}
