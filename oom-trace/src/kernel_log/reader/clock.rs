//! Times as logs write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use crate::kernel_log::scan::Scan;

/// What times mean that do not name their zone or their year: this zone, and the latest year that
/// does not lie after this moment.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    latest: Timestamp,
}

impl Zone {
    /// This machine's zone, for a log that was last written at `latest`.
    #[must_use]
    pub fn here(latest: Timestamp) -> Self {
        Self { zone: TimeZone::system(), latest }
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self { zone: TimeZone::UTC, latest: "2026-11-24T00:00:00Z".parse().unwrap() }
    }

    pub(super) fn local(&self, time: DateTime) -> Option<Timestamp> {
        // An hour that comes twice is not known.
        self.zone.to_ambiguous_timestamp(time).unambiguous().ok()
    }

    /// Of a date without a year.
    pub(super) fn yearless(&self, month: i8, day: i8, time: Time) -> Option<Timestamp> {
        let latest = self.latest.to_zoned(self.zone.clone()).year();
        // A leap day is up to eight years ago.
        (0..=8).find_map(|ago| {
            let date = Date::new(latest - ago, month, day).ok()?;
            self.local(date.to_datetime(time)).filter(|time| *time <= self.latest)
        })
    }

    /// `2026-11-23T06:00:01`, with a fraction behind a point or a comma, and a zone if it has one.
    pub(super) fn iso(&self, text: &[u8]) -> Option<Timestamp> {
        let text = str::from_utf8(text).ok()?;
        // A date alone, or an hour without minutes, is no time.
        if text.as_bytes().get(10) != Some(&b'T') || text.len() < "2026-11-23T06:00:01".len() {
            return None;
        }
        text.parse().ok().or_else(|| self.local(text.parse().ok()?))
    }

    /// `06:00:01`
    pub(super) fn time_of_day(scan: &mut Scan<'_>) -> Option<Time> {
        let hour = scan.number()?;
        scan.eat(":")?;
        let minute = scan.number()?;
        scan.eat(":")?;
        let second = scan.number()?;
        let nanosecond = match scan.0 {
            [b'.', b'0'..=b'9', ..] => {
                scan.eat(".")?;
                let before = scan.0.len();
                let fraction: i32 = scan.number()?;
                let digits = u32::try_from(before - scan.0.len()).ok()?;
                fraction.checked_mul(10_i32.checked_pow(9_u32.checked_sub(digits)?)?)?
            }
            _ => 0,
        };
        Time::new(hour, minute, second, nanosecond).ok()
    }
}

/// `Nov` is 11, as C's locale has it.
pub(super) fn month(name: &[u8]) -> Option<i8> {
    let names =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let place = names.iter().position(|month| month.as_bytes() == name)?;
    i8::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_is_the_last_in_which_it_can_have_been() {
        let zone = Zone::utc();
        let time = Time::new(6, 0, 1, 0).unwrap();
        let of = |month, day| zone.yearless(month, day, time).map(|time| time.to_string());
        assert_eq!(of(11, 23).as_deref(), Some("2026-11-23T06:00:01Z"));
        assert_eq!(of(12, 31).as_deref(), Some("2025-12-31T06:00:01Z"));
        assert_eq!(of(2, 29).as_deref(), Some("2024-02-29T06:00:01Z"));
        assert_eq!(of(2, 30), None);
    }

    #[test]
    fn iso_with_and_without_a_zone() {
        let zone = Zone::utc();
        let of = |text: &str| zone.iso(text.as_bytes()).map(|time| time.to_string());
        for text in [
            "2026-11-23T06:00:01Z",
            "2026-11-23T07:00:01+0100",
            "2026-11-23T07:00:01+01:00",
            "2026-11-23T06:00:01",
        ] {
            assert_eq!(of(text).as_deref(), Some("2026-11-23T06:00:01Z"), "{text}");
        }
        assert_eq!(of("2026-11-23T06:00:01.5-00:30").as_deref(), Some("2026-11-23T06:30:01.5Z"));
        for text in ["2026-11-23", "2026-11-23T06", "oom-killer:x", "2026-13-23T06:00:01Z"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
