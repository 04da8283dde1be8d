//! Which shortage at its limit each kill is of.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;

use crate::render::Row;

/// A kill at a limit: as little of it as counting takes, for there may be a million.
#[derive(Debug, Clone, Copy)]
struct Hit {
    time: Option<Timestamp>,
    /// Stands for the incident's name; the victims of a group died of one shortage.
    incident: Option<u64>,
    nth: u64,
}

impl Hit {
    fn of(row: &Row) -> Self {
        let (incident, _) = row.key();
        let hashed = || {
            let mut hasher = DefaultHasher::new();
            incident.hash(&mut hasher);
            hasher.finish()
        };
        let incident = (!incident.is_empty()).then(hashed);
        Self { time: row.time, incident, nth: 0 }
    }

    /// Its number, after the one before it.
    fn after(self, before: Option<&Self>) -> Self {
        let nth = match before {
            Some(before) if self.incident.is_some() && before.incident == self.incident => {
                before.nth
            }
            Some(before) => before.nth + 1,
            None => 1,
        };
        Self { nth, ..self }
    }
}

/// The kills at each limit.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<String, Vec<Hit>>);

impl Counts {
    /// Counts one, in whatever order they come.
    pub(super) fn note(&mut self, row: &Row) {
        let Some(key) = &row.limit_key else { return };
        match self.0.get_mut(key) {
            Some(hits) => hits.push(Hit::of(row)),
            None => drop(self.0.insert(key.clone(), vec![Hit::of(row)])),
        }
    }

    /// Numbers rows: the newest of those that were noted, in order of time. What was noted before then
    /// counts for those that come later, and no more.
    pub(super) fn number(&mut self, rows: &mut [Row]) {
        for hits in self.0.values_mut() {
            hits.sort_by_key(|hit| hit.time);
            let mut before = None;
            for hit in &mut *hits {
                *hit = hit.after(before.as_ref());
                before = Some(*hit);
            }
        }
        let mut left: HashMap<&String, usize> = HashMap::new();
        for key in rows.iter().filter_map(|row| row.limit_key.as_ref()) {
            *left.entry(key).or_default() += 1;
        }
        let nths = rows.iter().map(|row| {
            let key = row.limit_key.as_ref()?;
            let (hits, left) = (self.0.get(key)?, left.get_mut(key)?);
            let hit = hits.get(hits.len().checked_sub(*left)?)?;
            *left -= 1;
            Some(hit.nth)
        });
        let nths: Vec<_> = nths.collect();
        for (row, nth) in rows.iter_mut().zip(nths) {
            nth.into_iter().for_each(|nth| row.set_nth(nth));
        }
        for hits in self.0.values_mut() {
            hits.drain(..hits.len().saturating_sub(1));
            hits.shrink_to_fit();
        }
    }

    /// Numbers one that came later.
    pub(super) fn number_next(&mut self, row: &mut Row) {
        let Some(key) = row.limit_key.clone() else { return };
        let hits = self.0.entry(key).or_default();
        let hit = Hit::of(row).after(hits.last());
        row.set_nth(hit.nth);
        hits.clear();
        hits.push(hit);
    }
}
