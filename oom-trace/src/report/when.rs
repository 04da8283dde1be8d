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

/// What the clock is called: `UTC`, `Europe/Berlin`, or an offset.
pub(super) fn zone_name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => format!("{}", Timestamp::now().to_zoned(zone.clone()).strftime("UTC%:z")),
    }
}
