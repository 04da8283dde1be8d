//! Times as logs write them.

use std::cell::Cell;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::months::month;
use crate::kernel_log::scan::Scan;
use crate::kernel_log::{Guesses, Stamp};

/// What times mean that do not name their zone or their year: this zone, and the latest year that
/// does not lie after this moment.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    latest: Timestamp,
    /// The last that was read here.
    last: Cell<Timestamp>,
}

/// How far a log's clock may be ahead of the reader's: from one end of the earth's zones to the other.
const AHEAD: SignedDuration = SignedDuration::from_hours(26);

/// Offsets of names that mean one thing wherever they are used, in minutes (tzdata). `CST`, `IST` and
/// `BST` are not among them.
const NAMED: [(&str, i32); 33] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("SAST", 120),
    ("EAT", 180),
    ("WIB", 420),
    ("PKT", 300),
    ("HKT", 480),
    ("SGT", 480),
    ("JST", 540),
    ("KST", 540),
    ("AWST", 480),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("EST", -300),
    ("EDT", -240),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("HST", -600),
];

/// And what those usually mean that have several meanings.
const AMBIGUOUS: [(&str, i32); 3] = [("CST", -360), ("IST", 330), ("BST", 60)];

impl Zone {
    /// This machine's zone, for a log that was last written at `latest`.
    #[must_use]
    pub fn here(latest: Timestamp) -> Self {
        Self::new(TimeZone::system(), latest)
    }

    /// This zone, for a log that was last written at `latest`.
    #[must_use]
    pub const fn new(zone: TimeZone, latest: Timestamp) -> Self {
        Self { zone, latest, last: Cell::new(Timestamp::MIN) }
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self::new(TimeZone::UTC, "2026-11-24T00:00:00Z".parse().unwrap())
    }

    /// Of a time without a zone.
    pub(super) fn local(&self, time: DateTime) -> Option<Stamp> {
        self.read(self.moment(time)?, false)
    }

    /// Of an hour that comes twice, the first, unless what was read before is later than that.
    fn moment(&self, time: DateTime) -> Option<Timestamp> {
        let times = self.zone.to_ambiguous_timestamp(time);
        let first = times.compatible().ok()?;
        let second = times.later().ok().filter(|_| first < self.last.get());
        Some(second.filter(|it| *it >= self.last.get()).unwrap_or(first))
    }

    fn read(&self, time: Timestamp, year: bool) -> Option<Stamp> {
        self.last.set(time);
        Some(wall(time, Guesses { zone: true, year, ..Guesses::default() }))
    }

    /// Of a date without a year.
    pub(super) fn yearless(&self, month: i8, day: i8, time: Time) -> Option<Stamp> {
        let latest = self.latest.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let year = latest.to_zoned(self.zone.clone()).year();
        // A leap day is up to eight years ago.
        let time = (0..=8).find_map(|ago| {
            let date = Date::new(year - ago, month, day).ok()?;
            self.moment(date.to_datetime(time)).filter(|it| *it <= latest)
        })?;
        self.read(time, true)
    }

    /// Of a time with the name of a zone, or its offset: `CEST`, `+03`, `+0200`, `+02:00`.
    pub(super) fn named(&self, time: DateTime, zone: &[u8]) -> Option<Stamp> {
        let name = str::from_utf8(zone).ok()?;
        let of = |minutes: i32| {
            let offset = Offset::from_seconds(minutes.checked_mul(60)?).ok()?;
            offset.to_timestamp(time).ok()
        };
        let known = |table: &[(&str, i32)]| table.iter().find(|(it, _)| *it == name).map(|it| it.1);
        if let Some(minutes) = known(&NAMED).or_else(|| offset(zone)) {
            return Some(wall(of(minutes)?, Guesses::default()));
        }
        // This machine may be in the zone that is meant.
        let times = self.zone.to_ambiguous_timestamp(time);
        let mut here = [times.earlier(), times.later()].into_iter().flatten();
        let is_named = |at: &Timestamp| self.zone.to_offset_info(*at).abbreviation() == name;
        if let Some(here) = here.find(is_named) {
            return Some(wall(here, Guesses::default()));
        }
        let minutes = known(&AMBIGUOUS)?;
        Some(wall(of(minutes)?, Guesses { zone: true, ..Guesses::default() }))
    }

    /// `2026-11-23T06:00:01`, with a fraction behind a point or a comma, and a zone if it has one.
    pub(super) fn iso(&self, text: &[u8]) -> Option<Stamp> {
        let text = str::from_utf8(text).ok()?;
        // A date alone, or an hour without minutes, is no time.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't'))
            || text.len() < "2026-11-23T06:00:01".len()
        {
            return None;
        }
        match text.parse() {
            Ok(time) => Some(wall(time, Guesses::default())),
            Err(_) => self.local(text.parse().ok()?),
        }
    }

    /// Of seconds, milliseconds, microseconds or nanoseconds since 1970, by how many digits it has.
    pub(super) fn epoch(number: i64) -> Option<Timestamp> {
        match number {
            1_000_000_000..10_000_000_000 => Timestamp::from_second(number).ok(),
            1_000_000_000_000..10_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
            1_000_000_000_000_000..10_000_000_000_000_000 => {
                Timestamp::from_microsecond(number).ok()
            }
            1_000_000_000_000_000_000.. => Some(Timestamp::from_nanosecond(number.into()).ok()?),
            _ => None,
        }
    }

    /// `06:00:01`
    pub(super) fn time_of_day(scan: &mut Scan<'_>) -> Option<Time> {
        let mut two = || {
            let digits = scan.run(u8::is_ascii_digit);
            str::from_utf8(digits).ok().filter(|it| matches!(it.len(), 1 | 2))?.parse::<i8>().ok()
        };
        let hour = two()?;
        let is_spelled = scan.eat(":").is_none();
        if is_spelled {
            eat_any(scan, &["时", "時", "시"])?;
        }
        let mut two = || {
            let digits = scan.run(u8::is_ascii_digit);
            str::from_utf8(digits).ok().filter(|it| it.len() == 2)?.parse::<i8>().ok()
        };
        let minute = two()?;
        if is_spelled {
            eat_any(scan, &["分", "분"])?;
        } else {
            scan.eat(":")?;
        }
        let digits = scan.run(u8::is_ascii_digit);
        let second = str::from_utf8(digits).ok().filter(|it| it.len() == 2)?.parse().ok()?;
        if is_spelled {
            eat_any(scan, &["秒", "초"])?;
        }
        let nanosecond = match scan.0 {
            [b'.' | b',', b'0'..=b'9', ..] => {
                scan.0 = scan.0.get(1..)?;
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

/// Steps over one of these words.
fn eat_any(scan: &mut Scan<'_>, words: &[&str]) -> Option<()> {
    words.iter().find_map(|word| scan.eat(word))
}

/// `+0200`, `-03`, `+05:30`, in minutes.
fn offset(text: &[u8]) -> Option<i32> {
    let (sign, rest) = text.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: Vec<u8> = rest.iter().copied().filter(|byte| *byte != b':').collect();
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let number: i32 = str::from_utf8(&digits).ok()?.parse().ok()?;
    let minutes = if digits.len() == 2 { number * 60 } else { number / 100 * 60 + number % 100 };
    Some(sign * minutes)
}

pub(super) fn wall(time: Timestamp, guessed: Guesses) -> Stamp {
    Stamp { boot_ns: None, time: Some(time), guessed }
}

/// A time at the beginning of a line, and what follows it.
pub(super) fn date<'a>(text: &'a [u8], zone: &Zone) -> Option<(Stamp, &'a [u8])> {
    let mut scan = Scan(text);
    let word = scan.word();
    match word.first()? {
        b'0'..=b'9' => numbers(text, zone),
        _ => {
            scan.blanks();
            let is_date = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
            let (rest, is_day) = (scan.0, is_date(scan.0));
            scan.word();
            scan.blanks();
            // Nearly no line goes on like a date.
            if !is_day && !is_date(scan.0) {
                return None;
            }
            // A day of the week, in whatever language: a date follows.
            if word.len() <= 12 && month(word).is_none() {
                return if is_day { numbers(rest, zone) } else { named_month(rest, zone) };
            }
            named_month(text, zone)
        }
    }
}

/// What begins with a digit.
fn numbers<'a>(text: &'a [u8], zone: &Zone) -> Option<(Stamp, &'a [u8])> {
    let mut scan = Scan(text);
    let word = scan.word();
    if !scan.0.is_empty() {
        scan.eat(" ").or_else(|| scan.eat("\t"))?;
    } else if word.iter().all(u8::is_ascii_digit) {
        // A number alone, as in each line of `memory.stat`.
        return None;
    }
    let bare = word.strip_suffix(b":").unwrap_or(word);
    if let Some(stamp) = zone.iso(bare) {
        return Some((stamp, scan.0));
    }
    // `1715588000.123456`: journalctl -o short-unix.
    if let Some((seconds, micros)) = str::from_utf8(bare).ok().and_then(|it| it.split_once('.')) {
        let time = Timestamp::from_second(seconds.parse().ok()?).ok()?;
        (seconds.len() == 10 && micros.len() == 6).then_some(())?;
        let fraction = SignedDuration::from_micros(micros.parse().ok()?);
        return Some((wall(time.checked_add(fraction).ok()?, Guesses::default()), scan.0));
    }
    // `23 avril 06:00:01 2026`: dmesg -T where the day comes first.
    if let Some((stamp, rest)) = day_first(text, zone) {
        return Some((stamp, rest));
    }
    // `5月 29 01:20:00`, as glibc writes it in Chinese and Japanese.
    if month(word).is_some() {
        return named_month(text, zone);
    }
    let day = |text: &[u8]| str::from_utf8(text).ok()?.replace('/', "-").parse::<Date>().ok();
    if let Some(date) = day(word).filter(|_| word.len() == 10) {
        let time = Zone::time_of_day(&mut scan)?;
        let time = date.to_datetime(time);
        // A zone may follow, behind a blank or not.
        let mut after = scan;
        after.blanks();
        let name = after.word();
        if let Some(stamp) = zone.named(time, name) {
            return Some((stamp, after.0.strip_prefix(b" ").unwrap_or(after.0)));
        }
        return Some((zone.local(time)?, scan.0.strip_prefix(b" ").unwrap_or(scan.0)));
    }
    // `10-24 14:24:26.035`: Android's logcat.
    let (month, day) = str::from_utf8(word).ok()?.split_once('-')?;
    (month.len() == 2 && day.len() == 2).then_some(())?;
    let time = Zone::time_of_day(&mut scan)?;
    scan.eat(" ")?;
    Some((zone.yearless(month.parse().ok()?, day.parse().ok()?, time)?, scan.0))
}

/// `23 avril 06:00:01 2026`, `23/Nov/2026:06:00:01 +0000` (the common log format).
fn day_first<'a>(text: &'a [u8], zone: &Zone) -> Option<(Stamp, &'a [u8])> {
    let mut scan = Scan(text);
    let day: i8 = scan.number()?;
    if scan.eat("/").is_some() {
        let month = month(scan.until("/")?)?;
        let year: i16 = scan.number()?;
        scan.eat(":")?;
        let time = Date::new(year, month, day).ok()?.to_datetime(Zone::time_of_day(&mut scan)?);
        scan.eat(" ")?;
        let stamp = zone.named(time, scan.run(|byte| !matches!(byte, b' ' | b']')))?;
        return Some((stamp, scan.0.strip_prefix(b" ").unwrap_or(scan.0)));
    }
    scan.eat(". ").or_else(|| scan.eat(" "))?;
    let month = month(scan.word())?;
    scan.eat(" ")?;
    let time = Zone::time_of_day(&mut scan)?;
    scan.eat(" ")?;
    let digits = scan.run(u8::is_ascii_digit);
    let year = str::from_utf8(digits).ok().filter(|it| it.len() == 4)?.parse().ok()?;
    let stamp = zone.local(Date::new(year, month, day).ok()?.to_datetime(time))?;
    Some((stamp, scan.0.strip_prefix(b" ").unwrap_or(scan.0)))
}

/// `Nov 23 06:00:01`, a fraction and a year if it has them: `May 13 10:10:27 2024`, `Nov 23 2026
/// 06:00:01`.
fn named_month<'a>(text: &'a [u8], zone: &Zone) -> Option<(Stamp, &'a [u8])> {
    let mut scan = Scan(text);
    let month = month(scan.word())?;
    scan.blanks();
    let day = scan.number::<i8>()?;
    // `29日`
    let _ = scan.eat("日");
    scan.eat(" ").or_else(|| scan.eat(", "))?;
    let year = |scan: &mut Scan<'_>| {
        let mut ahead = *scan;
        let digits = ahead.run(u8::is_ascii_digit);
        let is_year = digits.len() == 4 && matches!(ahead.0.first(), None | Some(b' ' | b']'));
        let year: i16 = str::from_utf8(digits).ok().filter(|_| is_year)?.parse().ok()?;
        let _ = ahead.eat(" ");
        *scan = ahead;
        Some(year)
    };
    let before = year(&mut scan);
    // Kibana's.
    let _ = scan.eat("@ ");
    let time = Zone::time_of_day(&mut scan)?;
    let has_more = scan.eat(" ").is_some();
    if !has_more && !scan.0.is_empty() {
        return None;
    }
    let stamp = match before.or_else(|| year(&mut scan)) {
        Some(year) => zone.local(Date::new(year, month, day).ok()?.to_datetime(time))?,
        None => zone.yearless(month, day, time)?,
    };
    Some((stamp, scan.0))
}

#[cfg(test)]
mod tests;
