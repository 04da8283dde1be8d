//! By what cgroups are sorted.

use std::cmp::{Ordering, Reverse};
use std::time::Duration;

use super::growth::time_until;
use super::sample::Cgroup;

/// A cgroup, with what its last minute tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Standing {
    pub(super) cgroup: Cgroup,
    /// Bytes a minute of what it holds.
    pub(super) growth: Option<i64>,
    /// Victims since the view was started.
    pub(super) new_kills: u64,
}

impl Standing {
    /// How long until its limit is full if it goes on like this.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let left = self.cgroup.max?.saturating_sub(self.cgroup.held()?);
        time_until(left, self.growth)
    }
}

/// A key to sort by. What is first is what one looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sort {
    Name,
    Used,
    Cache,
    Max,
    /// The share of the limit that is held.
    #[default]
    Fill,
    High,
    Growth,
    TimeLeft,
    Some,
    Full,
    Kills,
}

impl Sort {
    /// In the order of the columns.
    const ALL: [Self; 11] = [
        Self::Name,
        Self::Used,
        Self::Cache,
        Self::Max,
        Self::Fill,
        Self::High,
        Self::Growth,
        Self::TimeLeft,
        Self::Some,
        Self::Full,
        Self::Kills,
    ];

    /// The key of the next column, or of the one before.
    pub(super) fn step(self, is_forward: bool) -> Self {
        let mut keys: Vec<_> = Self::ALL.to_vec();
        if !is_forward {
            keys.reverse();
        }
        let next = keys.iter().cycle().skip_while(|key| **key != self).nth(1);
        next.copied().unwrap_or_default()
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Used => "used",
            Self::Cache => "cache",
            Self::Max => "max",
            Self::Fill => "%max",
            Self::High => "high",
            Self::Growth => "growth",
            Self::TimeLeft => "time left",
            Self::Some => "some",
            Self::Full => "full",
            Self::Kills => "kills",
        }
    }

    /// Which stands first. What is not known comes last; of those that are alike the one that holds more
    /// comes first.
    pub(super) fn compare(self, one: &Standing, other: &Standing) -> Ordering {
        let key = match self {
            Self::Name => Ordering::Equal,
            Self::Used => most(one.cgroup.used, other.cgroup.used),
            Self::Cache => most(one.cgroup.cache, other.cgroup.cache),
            Self::Max => most(one.cgroup.max, other.cgroup.max),
            Self::Fill => most(one.cgroup.fill(), other.cgroup.fill()),
            Self::High => most(one.cgroup.high, other.cgroup.high),
            Self::Growth => most(one.growth, other.growth),
            Self::TimeLeft => {
                let key = |it: &Standing| it.time_left().unwrap_or(Duration::MAX);
                key(one).cmp(&key(other)).then(Self::Fill.compare(one, other))
            }
            Self::Some => most(hundredths(one.cgroup.some), hundredths(other.cgroup.some)),
            Self::Full => most(hundredths(one.cgroup.full), hundredths(other.cgroup.full)),
            Self::Kills => most(one.cgroup.kills, other.cgroup.kills),
        };
        let path = |it: &Standing| it.cgroup.path.clone();
        let name =
            |one: &Standing, other: &Standing| path(one).as_bytes().cmp(path(other).as_bytes());
        match self {
            Self::Name => name(one, other),
            _ => key.then(most(one.cgroup.held(), other.cgroup.held())).then(name(one, other)),
        }
    }
}

/// The larger first, and what is unknown last.
fn most<T: Ord>(one: Option<T>, other: Option<T>) -> Ordering {
    Reverse(one).cmp(&Reverse(other))
}

/// As it is shown, that rows do not change places without a reason that can be seen.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the kernel tells percent, with two digits behind the point"
)]
fn hundredths(percent: Option<f64>) -> Option<u64> {
    percent.map(|percent| (percent * 100.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(path: &str, used: u64, max: Option<u64>, growth: Option<i64>) -> Standing {
        let cgroup = Cgroup { path: path.into(), used: Some(used), max, ..Cgroup::default() };
        Standing { cgroup, growth, new_kills: 0 }
    }

    fn sorted(by: Sort) -> Vec<String> {
        let mut all = [
            standing("/idle", 90, None, Some(0)),
            standing("/near", 80, Some(100), Some(0)),
            standing("/fast", 50, Some(100), Some(600)),
            standing("/slow", 60, Some(100), Some(6)),
        ];
        all.sort_by(|one, other| by.compare(one, other));
        all.map(|it| it.cgroup.path.to_string()).to_vec()
    }

    #[test]
    fn what_one_looks_for_stands_first() {
        assert_eq!(sorted(Sort::Fill), ["/near", "/slow", "/fast", "/idle"]);
        assert_eq!(sorted(Sort::Used), ["/idle", "/near", "/slow", "/fast"]);
        assert_eq!(sorted(Sort::TimeLeft), ["/fast", "/slow", "/near", "/idle"]);
        assert_eq!(sorted(Sort::Growth), ["/fast", "/slow", "/idle", "/near"]);
        assert_eq!(sorted(Sort::Name), ["/fast", "/idle", "/near", "/slow"]);
    }

    #[test]
    fn keys_go_round() {
        assert_eq!(Sort::Kills.step(true), Sort::Name);
        assert_eq!(Sort::Name.step(false), Sort::Kills);
        assert_eq!(Sort::Fill.step(true).step(false), Sort::Fill);
    }
}
