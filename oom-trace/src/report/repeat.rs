//! What is killed again and again, and whether it happens faster.

use std::collections::HashMap;

use jiff::Timestamp;

use super::incident::{Incident, Name};

/// Fewer intervals show no trend.
const LEAST: usize = 4;

/// By less than a third, intervals vary by chance.
const NOTABLE: (u64, u64) = (2, 3);

/// How the intervals between kills go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// It happens faster.
    Shrinking,
    /// It happens more slowly.
    Growing,
    /// Neither.
    Steady,
}

impl Direction {
    /// In a word.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Shrinking => "getting worse",
            Self::Growing => "getting better",
            Self::Steady => "steady",
        }
    }
}

/// From the earlier half of the intervals to the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trend {
    /// The median of the earlier half, in milliseconds.
    pub(super) from_ms: u64,
    /// Of the later half.
    pub(super) to_ms: u64,
    /// What that comes to.
    pub(super) direction: Direction,
}

/// A place, and its kills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repeat {
    /// The place, or the process where no place is known.
    pub(super) who: Name,
    /// The machine.
    pub(super) host: Option<Name>,
    /// How often.
    pub(super) times: usize,
    /// The first and the last of those whose time is known.
    pub(super) first: Option<Timestamp>,
    /// The last.
    pub(super) last: Option<Timestamp>,
    /// The median interval, in milliseconds.
    pub(super) interval_ms: Option<u64>,
    /// How intervals go, if there are enough.
    pub(super) trend: Option<Trend>,
}

/// The places that had kills, most first; without those that only tests had.
pub(super) fn places(incidents: &[Incident]) -> Vec<Repeat> {
    let mut places: HashMap<(Option<Name>, Name), (usize, Vec<Timestamp>)> = HashMap::new();
    for incident in incidents.iter().filter(|incident| incident.is_kill() && !incident.is_test) {
        let Some(who) = incident.who() else { continue };
        let (times, when) = places.entry((incident.host.clone(), who.clone())).or_default();
        *times += 1;
        when.extend(incident.time);
    }
    let mut repeats: Vec<_> = places
        .into_iter()
        .map(|((host, who), (times, mut when))| {
            when.sort_unstable();
            let intervals = intervals(&when);
            let (first, last) = (when.first().copied(), when.last().copied());
            let (interval_ms, trend) = (median(&intervals), trend(&intervals));
            Repeat { who, host, times, first, last, interval_ms, trend }
        })
        .collect();
    repeats.sort_by(|a, b| {
        let (older, newer) = (b.times.cmp(&a.times), b.last.cmp(&a.last));
        older.then(newer).then_with(|| (&a.who, &a.host).cmp(&(&b.who, &b.host)))
    });
    repeats
}

fn intervals(when: &[Timestamp]) -> Vec<u64> {
    let pairs = when.iter().zip(when.iter().skip(1));
    pairs
        .filter_map(|(one, next)| u64::try_from(next.duration_since(*one).as_millis()).ok())
        .collect()
}

fn trend(intervals: &[u64]) -> Option<Trend> {
    if intervals.len() < LEAST {
        return None;
    }
    let half = intervals.len() / 2;
    let (earlier, later) = (intervals.get(..half)?, intervals.get(intervals.len() - half..)?);
    let (from_ms, to_ms) = (median(earlier)?, median(later)?);
    let (part, whole) = NOTABLE;
    let is_less = |one: u64, other: u64| one.saturating_mul(whole) < other.saturating_mul(part);
    let direction = if is_less(to_ms, from_ms) {
        Direction::Shrinking
    } else if is_less(from_ms, to_ms) {
        Direction::Growing
    } else {
        Direction::Steady
    };
    Some(Trend { from_ms, to_ms, direction })
}

fn median(intervals: &[u64]) -> Option<u64> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    // Of an even number, what is between the two in the middle.
    let (one, other) = (*sorted.get(last / 2)?, *sorted.get(last.div_ceil(2))?);
    Some(one + (other - one) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_is_told_of_five_kills_and_more() {
        let direction = |intervals: &[u64]| trend(intervals).map(|trend| trend.direction);
        assert_eq!(direction(&[100, 50, 10]), None);
        assert_eq!(direction(&[100, 90, 40, 30]), Some(Direction::Shrinking));
        assert_eq!(direction(&[30, 40, 90, 100]), Some(Direction::Growing));
        assert_eq!(direction(&[90, 100, 95, 80]), Some(Direction::Steady));
        assert_eq!(direction(&[0, 0, 0, 0]), Some(Direction::Steady));
        // One that stands out is no trend.
        assert_eq!(direction(&[100, 100, 5, 100, 100, 100]), Some(Direction::Steady));
        assert_eq!(direction(&[100, 100, 100, 100, 50]), Some(Direction::Steady));
    }

    #[test]
    fn the_middle_one_of_an_odd_number_is_in_no_half() {
        let trend = trend(&[100, 100, 7, 10, 10]).unwrap();
        assert_eq!((trend.from_ms, trend.to_ms), (100, 10));
    }
}
