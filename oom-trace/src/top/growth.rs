//! How fast something grows.

use std::collections::VecDeque;
use std::time::Duration;

/// What is older says nothing of how fast it grows now.
const WINDOW: Duration = Duration::from_secs(30);

/// Values closer to each other than this share a place: the memory of one trend is bounded.
const APART: Duration = Duration::from_secs(3);

/// Values of the last half a minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    points: VecDeque<(Duration, u64)>,
    now: Option<(Duration, u64)>,
}

impl Trend {
    /// The value at a moment.
    pub(super) fn push(&mut self, at: Duration, value: u64) {
        if self.points.back().is_none_or(|(last, _)| at.saturating_sub(*last) >= APART) {
            self.points.push_back((at, value));
        }
        // One that is just beyond the window is what the window is measured from.
        while self.points.get(1).is_some_and(|(next, _)| at.saturating_sub(*next) >= WINDOW) {
            self.points.pop_front();
        }
        self.now = Some((at, value));
    }

    /// Bytes a minute; `None` before there are two values.
    pub(super) fn per_minute(&self) -> Option<i64> {
        let ((then, before), (now, value)) = (*self.points.front()?, self.now?);
        let millis = i128::try_from(now.checked_sub(then)?.as_millis()).ok()?;
        let grown = i128::from(value) - i128::from(before);
        i64::try_from((grown * 60_000).checked_div(millis)?).ok()
    }
}

/// How long until so many bytes are used up; `None` if that is not in sight.
pub(super) fn time_until(left: u64, per_minute: Option<i64>) -> Option<Duration> {
    /// Nobody believes more of half a minute.
    const FAR: u64 = 30 * 24 * 3600 * 1000;
    let rate = u64::try_from(per_minute?).ok().filter(|rate| *rate > 0)?;
    let millis = u128::from(left) * 60_000 / u128::from(rate);
    let millis = u64::try_from(millis).ok().filter(|millis| *millis <= FAR)?;
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn growth_is_that_of_the_last_half_minute() {
        let mut trend = Trend::default();
        trend.push(seconds(0), 1000);
        assert_eq!(trend.per_minute(), None);
        for second in 1..=100 {
            // A minute of nothing, then ten a second.
            trend.push(seconds(second), 1000 + second.saturating_sub(60) * 10);
        }
        assert_eq!(trend.per_minute(), Some(600));
        assert!(trend.points.len() <= 12, "{trend:?}");
        trend.push(seconds(110), 0);
        assert!(trend.per_minute() < Some(0));
    }

    #[test]
    fn the_end_is_told_only_where_it_is_in_sight() {
        assert_eq!(time_until(100, Some(600)), Some(seconds(10)));
        assert_eq!(time_until(0, Some(600)), Some(seconds(0)));
        assert_eq!(time_until(100, Some(0)), None);
        assert_eq!(time_until(100, Some(-5)), None);
        assert_eq!(time_until(100, None), None);
        assert_eq!(time_until(u64::MAX, Some(1)), None);
    }
}
