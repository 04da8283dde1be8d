//! Kills as they come, and the last ones from before.

use std::collections::VecDeque;
use std::time::Duration;

use crate::incident::model::Record;
use crate::render::Row;

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
#[derive(Debug, Default)]
pub(crate) struct Kills {
    /// For people: where they are read, and what is missing there.
    pub(super) place: String,
    /// For people: which they are, if not all.
    pub(super) which: Option<String>,
    /// Why they could not be read the last time.
    pub(super) error: Option<String>,
    /// Each with the moment it came, if it came while the view was shown.
    pub(super) rows: VecDeque<(Row, Option<Duration>)>,
}

impl Kills {
    /// Those from before, oldest first; `place` says where they are read, and `which` they are, if not all.
    pub(crate) fn new(place: String, which: Option<String>, before: &[Record]) -> Self {
        let mut kills = Self { place, which, ..Self::default() };
        before.iter().for_each(|record| kills.take(record, None));
        kills
    }

    /// What came at a moment.
    pub(super) fn take(&mut self, record: &Record, at: Option<Duration>) {
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
        let mut kills = Kills::new("here".into(), None, std::slice::from_ref(&kill));
        kills.take(&kill, Some(Duration::from_secs(3)));
        let came: Vec<_> = kills.rows.iter().map(|it| it.1).collect();
        assert_eq!(came, [Some(Duration::from_secs(3)), None]);
        (0..2 * MOST).for_each(|_| kills.take(&kill, None));
        assert_eq!(kills.rows.len(), MOST);
    }
}
