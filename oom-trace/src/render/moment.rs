//! When something happened, for people.

use std::fmt::{self, Display, Formatter};

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::units::SinceBoot;
use crate::incident::model::{Guess, Origin};

/// The clock of formats for people, if it is not UTC.
static LOCAL: OnceLock<TimeZone> = OnceLock::new();

/// From now on, formats for people show times as this machine's clock does, with its offset.
pub fn show_local_times() {
    let _ = LOCAL.set(TimeZone::system());
}

/// To the second, without the year, which people know, and without the zone; of another year to the
/// day.
pub(super) fn short(time: Timestamp) -> String {
    let zone = LOCAL.get().cloned().unwrap_or(TimeZone::UTC);
    let (time, now) = (time.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone));
    let is_near = now.duration_since(&time).as_hours().abs() < 24 * 300;
    let form = if is_near { "%b %e %T" } else { "%Y-%m-%d %H:%M" };
    time.strftime(form).to_string()
}

/// How far the clock of formats for people is from UTC at a moment.
pub(super) fn zone(time: Timestamp) -> String {
    match LOCAL.get() {
        Some(local) => offset(&time.to_zoned(local.clone())),
        None => "UTC".to_owned(),
    }
}

/// `UTC`, or how far the clock is from it.
fn offset(time: &Zoned) -> String {
    if time.offset().is_zero() { "UTC".to_owned() } else { time.strftime("%:z").to_string() }
}

/// The wall-clock time; where a log does not tell it, the time since boot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a>(pub(super) &'a Origin);

/// To the second; with `{:#}` in one word, to the millisecond.
impl Display for Moment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Origin { time, time_guessed, boot_ns, .. } = self.0;
        match (time, boot_ns) {
            (Some(time), _) if f.alternate() => in_one_word(*time, LOCAL.get(), f),
            (Some(time), _) => {
                match LOCAL.get() {
                    Some(zone) => {
                        let time = time.to_zoned(zone.clone());
                        write!(f, "{} {}", time.strftime("%F %T"), offset(&time))?;
                    }
                    None => write!(f, "{} UTC", time.strftime("%F %T"))?,
                }
                guessed(time_guessed.as_deref().unwrap_or_default(), f)
            }
            (None, Some(ns)) => SinceBoot(*ns).fmt(f),
            (None, None) if f.alternate() => f.write_str("-"),
            (None, None) => f.write_str("at an unknown time"),
        }
    }
}

fn in_one_word(time: Timestamp, zone: Option<&TimeZone>, f: &mut Formatter<'_>) -> fmt::Result {
    match zone {
        Some(zone) => {
            write!(f, "{}", time.to_zoned(zone.clone()).strftime("%FT%H:%M:%S.%3f%:z"))
        }
        None => write!(f, "{time:.3}"),
    }
}

/// What of it the log does not say.
fn guessed(what: &[Guess], f: &mut Formatter<'_>) -> fmt::Result {
    if what.contains(&Guess::Collected) {
        return f.write_str(" (when it was collected)");
    }
    let names: Vec<_> = what.iter().map(|guess| guess.name()).collect();
    match names.as_slice() {
        [] => Ok(()),
        names => write!(f, " ({} guessed)", names.join(" and ")),
    }
}
