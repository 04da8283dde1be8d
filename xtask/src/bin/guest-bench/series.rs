//! What was measured so far.

use std::fmt::{self, Display, Formatter};
use std::fs;

use anyhow::Result;
use xtask::job::OUT_DIR;
use xtask::measure::{FILE, Quantity, Series, Subject};

/// Values as they come, by row and column.
#[derive(Default)]
pub(crate) struct Sheet(Vec<Series>);

impl Sheet {
    /// Adds a value of one more round.
    pub(crate) fn note(&mut self, of: Quantity, subject: Subject, value: f64) {
        let is_it = |series: &&mut Series| series.of == of && series.subject == subject;
        match self.0.iter_mut().find(is_it) {
            Some(series) => series.rounds.push(value),
            None => self.0.push(Series { of, subject, rounds: vec![value] }),
        }
    }

    /// Leaves it to be sent home.
    pub(crate) fn leave(&self) -> Result<()> {
        Ok(fs::write(format!("{OUT_DIR}/{FILE}"), serde_json::to_vec(&self.0)?)?)
    }
}

/// A line for each row and column, in the row's unit.
impl Display for Sheet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut all = self.0.iter();
        all.try_for_each(|Series { of, subject, rounds }| {
            writeln!(f, "{of:?} {subject:?}: {rounds:?}")
        })
    }
}
