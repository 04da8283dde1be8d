//! When something was, by the clock that the report shows.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::units::SinceBoot;

/// To the second, without a zone: the report says once which it is. Where only the time since boot is
/// known, that; with `{:#}` to the minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct When<'a> {
    pub(super) time: Option<Timestamp>,
    pub(super) boot_ns: Option<u64>,
    pub(super) zone: &'a TimeZone,
}

impl Display for When<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.time, self.boot_ns) {
            (Some(time), _) => {
                let format = if f.alternate() { "%F %R" } else { "%F %T" };
                write!(f, "{}", time.to_zoned(self.zone.clone()).strftime(format))
            }
            (None, Some(ns)) => SinceBoot(ns).fmt(f),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// `2026-11-01 00:30 to 2026-11-01 02:30`; to the second within a minute.
pub(super) fn span(from: Timestamp, until: Timestamp, zone: &TimeZone) -> String {
    let [from, until] = [from, until].map(|time| When { time: Some(time), boot_ns: None, zone });
    match (format!("{from:#}"), format!("{until:#}")) {
        (first, last) if first == last => format!("{from} to {until}"),
        (first, last) => format!("{first} to {last}"),
    }
}

/// What the clock is called: `UTC` by whatever name, `Europe/Berlin`, or an offset.
pub(super) fn zone_name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        _ if is_utc(zone) => "UTC".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("{}", Timestamp::now().to_zoned(zone.clone()).strftime("UTC%:z")),
    }
}

fn is_utc(zone: &TimeZone) -> bool {
    let name = zone.iana_name().map(|name| name.rsplit('/').next().unwrap_or(name));
    match name {
        Some(name) => matches!(name, "UTC" | "UCT" | "Zulu" | "Universal"),
        None => zone.to_fixed_offset().is_ok_and(|offset| offset.is_zero()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn what_lasts_no_minute_is_told_to_the_second() {
        let [at, soon, later] =
            [18, 47, 62].map(|second| Timestamp::from_second(1_764_316_800 + second).unwrap());
        let within = "2025-11-28 08:00:18 to 2025-11-28 08:00:47";
        assert_eq!(span(at, soon, &TimeZone::UTC), within);
        assert_eq!(span(at, later, &TimeZone::UTC), "2025-11-28 08:00 to 2025-11-28 08:01");
    }

    #[test]
    fn utc_has_one_name() {
        let fixed = |hours| TimeZone::fixed(Offset::constant(hours));
        for zone in [TimeZone::UTC, fixed(0)] {
            assert_eq!(zone_name(&zone), "UTC");
        }
        assert_eq!(zone_name(&fixed(1)), "UTC+01:00");
        if let Ok(zone) = TimeZone::get("Etc/UTC") {
            assert_eq!(zone_name(&zone), "UTC");
        }
    }
}
