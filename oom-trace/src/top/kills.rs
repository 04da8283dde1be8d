//! Kills as they come, and the last ones from before.

use std::collections::VecDeque;
use std::time::Duration;

use crate::incident::model::Record;
use crate::render::Row;
use crate::sink::{Filter, FilterState};

/// Kills that are kept to be looked at.
const MOST: usize = 200;

/// Where kills come from while the view is shown.
pub(crate) trait Arrivals {
    /// Records that came since the last time.
    ///
    /// # Errors
    /// They cannot be read.
    fn take(&mut self) -> anyhow::Result<Vec<Record>>;
}

/// Kills, newest first, and where they are from.
#[derive(Debug)]
pub(crate) struct Kills {
    /// For people: where they are read, and what is missing there.
    pub(super) place: String,
    /// For people: which are shown, if not all.
    pub(super) which: Option<String>,
    wanted: FilterState,
    /// Why they could not be read the last time.
    pub(super) error: Option<String>,
    /// Each with the moment it came, if it came while the view was shown.
    pub(super) rows: VecDeque<(Row, Option<Duration>)>,
}

impl Kills {
    /// Those that are wanted of those from before, oldest first; `place` says where they are read.
    pub(crate) fn new(place: String, wanted: Filter, before: &[Record]) -> Self {
        let which = wanted.words();
        let wanted = FilterState::new(wanted);
        let mut kills = Self { place, which, wanted, error: None, rows: VecDeque::new() };
        before.iter().for_each(|record| kills.take(record, None));
        kills
    }

    /// What came at a moment.
    pub(super) fn take(&mut self, record: &Record, at: Option<Duration>) {
        if !self.wanted.takes(record) {
            return;
        }
        if let Record::OomExit(exit) = record {
            if let Some((row, _)) = self.rows.iter_mut().find(|(row, _)| row.is_of(exit)) {
                row.set_end(exit);
            }
        } else if let Some(mut row) = Row::of(record) {
            // All are of this machine.
            row.hide_host();
            self.rows.push_front((row, at));
            self.rows.truncate(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn the_newest_is_first_and_those_that_come_are_told_apart() {
        let kill = Record::OomKill(Box::new(fixtures::memcg()));
        let mut kills = Kills::new("here".into(), Filter::default(), std::slice::from_ref(&kill));
        kills.take(&kill, Some(Duration::from_secs(3)));
        let came: Vec<_> = kills.rows.iter().map(|it| it.1).collect();
        assert_eq!(came, [Some(Duration::from_secs(3)), None]);
        (0..2 * MOST).for_each(|_| kills.take(&kill, None));
        assert_eq!(kills.rows.len(), MOST);
    }

    /// Beside one cgroup, those of all others would be taken for its own.
    #[test]
    fn only_those_of_the_cgroups_that_are_shown_are_listed() {
        let kill = Record::OomKill(Box::new(fixtures::memcg()));
        let path = |record: &Record| record.kill()?.victim.cgroup.clone().map(|it| it.path);
        let own = path(&kill).unwrap().to_string();
        for (pattern, count) in [(own.as_str(), 2), ("/nowhere/*", 0)] {
            let wanted = Filter { cgroup: vec![pattern.parse().unwrap()], ..Filter::default() };
            let mut kills = Kills::new("here".into(), wanted, std::slice::from_ref(&kill));
            kills.take(&kill, Some(Duration::ZERO));
            assert_eq!(kills.rows.len(), count, "{pattern}");
        }
    }
}
