//! Kills by the hour, the day, the week: whatever makes a chart that can be read.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Of so many hours a bar may be; longer ones are whole numbers of the last.
const LENGTHS: [i64; 4] = [1, 24, 7 * 24, 28 * 24];

/// Up to so many hours are shown by the hour.
const HOURLY: i64 = 48;

/// A bar: from when on, and how many of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    /// Its beginning.
    pub(super) start: DateTime,
    /// Kills for a cgroup's limit.
    pub(super) limit: u64,
    /// All others.
    pub(super) others: u64,
}

impl Bar {
    pub(super) const fn sum(&self) -> u64 {
        self.limit + self.others
    }
}

/// A bar for each length of time from the first kill to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timeline {
    /// How long a bar is.
    pub(super) hours: i64,
    /// In order, those without a kill as well.
    pub(super) bars: Vec<Bar>,
}

impl Timeline {
    /// With as many bars as there is room for, at the most. `kills` tells when, and whether it was for a
    /// cgroup's limit.
    pub(super) fn of(
        kills: impl Iterator<Item = (Timestamp, bool)> + Clone,
        zone: &TimeZone,
        room: usize,
    ) -> Option<Self> {
        let first = kills.clone().map(|(time, _)| time).min()?;
        let last = kills.clone().map(|(time, _)| time).max()?;
        let civil = |time: Timestamp| time.to_zoned(zone.clone()).datetime();
        let (first, last) = (civil(first), civil(last));
        let room = i64::try_from(room.max(1)).unwrap_or(i64::MAX);
        let hours = length(first, last, room);
        let start = beginning(first, hours);
        let at = |time: DateTime| usize::try_from(between(start, time) / hours).unwrap_or(0);
        let mut bars: Vec<_> = (0..=at(last))
            .filter_map(|index| {
                let hours = hours.checked_mul(i64::try_from(index).ok()?)?;
                let start = start.checked_add(Span::new().try_hours(hours).ok()?).ok()?;
                Some(Bar { start, limit: 0, others: 0 })
            })
            .collect();
        for (time, is_limit) in kills {
            if let Some(bar) = bars.get_mut(at(civil(time))) {
                *(if is_limit { &mut bar.limit } else { &mut bar.others }) += 1;
            }
        }
        Some(Self { hours, bars })
    }

    /// The highest bar.
    pub(super) fn highest(&self) -> Option<&Bar> {
        // Of equal ones the first.
        self.bars.iter().rev().max_by_key(|bar| bar.sum())
    }

    /// What a bar is: `hour`, `day`, `week`, `8 weeks`.
    pub(super) fn unit(&self) -> String {
        match self.hours {
            1 => "hour".into(),
            24 => "day".into(),
            168 => "week".into(),
            hours => format!("{} weeks", hours / 168),
        }
    }

    /// Where a bar begins, as precise as it is long.
    pub(super) fn label(&self, bar: &Bar) -> String {
        let format = if self.hours < 24 { "%F %R" } else { "%F" };
        bar.start.strftime(format).to_string()
    }
}

/// The shortest that leaves no more bars than there is room for.
fn length(first: DateTime, last: DateTime, room: i64) -> i64 {
    let fits = |hours: i64| between(beginning(first, hours), last) / hours < room;
    let is_short = between(first, last) < HOURLY;
    let lengths = LENGTHS.into_iter().filter(|hours| *hours > 1 || is_short);
    let longest = LENGTHS.last().copied().unwrap_or(1);
    lengths.into_iter().find(|hours| fits(*hours)).unwrap_or_else(|| {
        let bars = between(beginning(first, longest), last) / longest + 1;
        longest * (bars / room + i64::from(bars % room > 0))
    })
}

/// The beginning of its hour, or of its day.
fn beginning(time: DateTime, hours: i64) -> DateTime {
    let start = if hours < 24 { Time::new(time.hour(), 0, 0, 0).ok() } else { None };
    time.date().to_datetime(start.unwrap_or(Time::midnight()))
}

fn between(start: DateTime, end: DateTime) -> i64 {
    end.duration_since(start).as_hours().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(times: &[&str], room: usize) -> Timeline {
        let kills: Vec<_> = times.iter().map(|time| (time.parse().unwrap(), true)).collect();
        Timeline::of(kills.into_iter(), &TimeZone::UTC, room).unwrap()
    }

    #[test]
    fn a_bar_is_as_short_as_there_is_room() {
        let hours = |last, room| timeline(&["2026-01-01T22:30:00Z", last], room).hours;
        assert_eq!(hours("2026-01-02T05:00:00Z", 100), 1);
        assert_eq!(hours("2026-01-20T05:00:00Z", 100), 24);
        assert_eq!(hours("2026-01-20T05:00:00Z", 20), 24);
        assert_eq!(hours("2026-01-20T05:00:00Z", 19), 168);
        assert_eq!(hours("2028-01-20T05:00:00Z", 100), 28 * 24);
        let centuries = timeline(&["1970-01-01T00:00:00Z", "2926-01-01T00:00:00Z"], 50);
        assert!(centuries.bars.len() <= 50, "{}", centuries.bars.len());
    }

    #[test]
    fn bars_without_a_kill_are_there() {
        let line =
            timeline(&["2026-01-01T22:30:00Z", "2026-01-04T00:00:00Z", "2026-01-04T23:59:59Z"], 60);
        let counts: Vec<_> = line.bars.iter().map(Bar::sum).collect();
        assert_eq!((counts, line.unit()), (vec![1, 0, 0, 2], "day".into()));
        assert_eq!(line.label(line.highest().unwrap()), "2026-01-04");
    }
}
