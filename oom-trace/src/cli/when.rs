//! `--since` and `--until`: a moment, as people write it.

use std::str::FromStr;

use jiff::civil::{DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

/// A moment. One that names no zone is of this machine's, or with `--utc` of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    local: Timestamp,
    utc: Timestamp,
}

impl When {
    /// What is meant, where times are shown in UTC or as the clock here shows them.
    #[must_use]
    pub fn moment(self, utc: bool) -> Timestamp {
        if utc { self.utc } else { self.local }
    }
}

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a time that oom-trace knows; write it as 2026-11-25, \"2026-11-25 22:30\", \
     2026-11-25T22:30:00Z, 22:30, today, \"yesterday 22:30\", \"2 hours ago\", 2h or 90min"
)]
pub struct WhenError;

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let now = Zoned::now();
        let utc = moment(text, &now.with_time_zone(TimeZone::UTC)).ok_or(WhenError)?;
        Ok(Self { local: moment(text, &now).ok_or(WhenError)?, utc })
    }
}

fn moment(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return Timestamp::from_second(seconds.parse().ok()?).ok();
    }
    // As oom-trace prints them.
    if let Some((text, zone)) = text.rsplit_once(' ')
        && let Some(zone) = printed_zone(zone)
    {
        return text.parse::<DateTime>().ok()?.to_zoned(zone).ok().map(|time| time.timestamp());
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let day = match first.to_ascii_lowercase().as_str() {
        "now" if rest.is_empty() => return Some(now.timestamp()),
        "today" => Some(now.date()),
        "yesterday" => Some(now.date().yesterday().ok()?),
        "tomorrow" => Some(now.date().tomorrow().ok()?),
        _ => None,
    };
    if let Some(day) = day {
        let at = if rest.is_empty() { Time::midnight() } else { clock(rest)? };
        return wall(day.to_datetime(at), now);
    }
    if let Some(time) = clock(text) {
        // The last time that the clock showed it.
        let today = wall(now.date().to_datetime(time), now)?;
        let yesterday = now.date().yesterday().ok()?.to_datetime(time);
        return if today <= now.timestamp() { Some(today) } else { wall(yesterday, now) };
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return wall(time, now);
    }
    if text.starts_with('+') {
        return None;
    }
    let ago: Span = text.parse().ok()?;
    now.checked_sub(ago.abs()).ok().map(|then| then.timestamp())
}

/// `UTC`, or `-05:00`.
fn printed_zone(zone: &str) -> Option<TimeZone> {
    if zone == "UTC" {
        return Some(TimeZone::UTC);
    }
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?;
    let seconds = if zone.starts_with('-') { -seconds } else { seconds };
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

/// `22:30` or `22:30:15`. Without a colon it may be anything.
fn clock(text: &str) -> Option<Time> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    let colon = text.find(':').filter(|_| digits)?;
    let whole = if colon == 1 { format!("0{text}") } else { text.to_owned() };
    whole.parse().ok()
}

/// Of an hour that comes twice, the first; of one that is left out, as much after it began.
fn wall(time: DateTime, now: &Zoned) -> Option<Timestamp> {
    time.to_zoned(now.time_zone().clone()).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        let now: Zoned = "2026-11-23T06:00:00+01:00[+01:00]".parse().unwrap();
        for (text, expected) in [
            ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("2026-11-22 01:00+02:00", "2026-11-21T23:00:00Z"),
            ("2026-11-22 01:00:05 UTC", "2026-11-22T01:00:05Z"),
            ("2026-11-22 01:00:05 -05:00", "2026-11-22T06:00:05Z"),
            ("@1795413601", "2026-11-23T06:00:01Z"),
            ("2026-11-22T01:00:00", "2026-11-22T00:00:00Z"),
            ("2026-11-22 01:00", "2026-11-22T00:00:00Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("now", "2026-11-23T05:00:00Z"),
            ("today", "2026-11-22T23:00:00Z"),
            ("Yesterday", "2026-11-21T23:00:00Z"),
            ("yesterday 22:30", "2026-11-22T21:30:00Z"),
            ("tomorrow", "2026-11-23T23:00:00Z"),
            ("05:59", "2026-11-23T04:59:00Z"),
            ("5:59", "2026-11-23T04:59:00Z"),
            // It was last night.
            ("22:30", "2026-11-22T21:30:00Z"),
            ("22:30:15", "2026-11-22T21:30:15Z"),
            ("2h", "2026-11-23T03:00:00Z"),
            ("-1h", "2026-11-23T04:00:00Z"),
            ("2 hours ago", "2026-11-23T03:00:00Z"),
            ("2h ago", "2026-11-23T03:00:00Z"),
            ("90min", "2026-11-23T03:30:00Z"),
            ("1h 30m", "2026-11-23T03:30:00Z"),
            ("7d", "2026-11-16T05:00:00Z"),
            ("1 week ago", "2026-11-16T05:00:00Z"),
        ] {
            assert_eq!(moment(text, &now), Some(expected.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "last night",
            "22h30x",
            "2026-11-22 01:00 CET",
            "2h UTC",
            "2026-11-22 -99:00",
            "+1h",
            "1122",
            "2026-13-01",
            "25:00",
            "yesterday x",
        ] {
            assert_eq!(moment(text, &now), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_not_always_24_hours() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let now = "2026-10-25T12:00:00Z".parse::<Timestamp>().unwrap().to_zoned(zone);
        let of = |text| moment(text, &now).unwrap().to_string();
        assert_eq!(of("1d"), "2026-10-24T11:00:00Z");
        assert_eq!(of("24h"), "2026-10-24T12:00:00Z");
        assert_eq!(of("today"), "2026-10-24T22:00:00Z");
    }

    #[test]
    fn without_a_zone_it_is_that_of_what_is_shown() {
        let when: When = "2026-11-22 00:00".parse().unwrap();
        assert_eq!(when.moment(true), "2026-11-22T00:00:00Z".parse().unwrap());
        let error = "last night".parse::<When>().unwrap_err().to_string();
        assert!(error.contains("2 hours ago"), "{error}");
    }
}
