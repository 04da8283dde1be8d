//! Kills as a table.

use std::collections::HashMap;
use std::io::{self, Write as _};

use crate::incident::model::{OomExit, Record};
use crate::render::{Row, Style, Table};

/// Rows, and what is known of them together.
#[derive(Debug)]
pub(super) struct Listed {
    most: Option<usize>,
    reverse: bool,
    rows: Vec<Row>,
    /// Where the rows of victims stand whose end is not told yet.
    open: HashMap<(String, u32), usize>,
    /// Shortages at each limit, and the last of them: the victims of a group died of one.
    counts: HashMap<String, (u64, String)>,
    /// How it was laid out.
    table: Option<Table>,
    /// Records of several hosts are shown.
    has_hosts: bool,
}

impl Listed {
    pub(super) fn new(most: Option<usize>, reverse: bool) -> Self {
        Self {
            most,
            reverse,
            rows: Vec::new(),
            open: HashMap::new(),
            counts: HashMap::new(),
            table: None,
            has_hosts: false,
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        if let Record::OomExit(exit) = record {
            self.end(exit);
        } else if let Some(row) = Row::of(record) {
            self.open.insert(row.key(), self.rows.len());
            self.rows.push(row);
        }
    }

    fn end(&mut self, exit: &OomExit) {
        let at = self.open.get(&(exit.incident.clone(), exit.tid));
        if let Some(row) = at.and_then(|at| self.rows.get_mut(*at)) {
            row.set_end(exit);
        }
    }

    /// Which shortage at its limit each is of, in order of time.
    fn count(&mut self, row: &mut Row) {
        let Some(key) = row.limit_key.clone() else { return };
        let (incident, _) = row.key();
        let (nth, last) = self.counts.entry(key).or_default();
        if *nth == 0 || incident.is_empty() || *last != incident {
            *nth += 1;
            *last = incident;
        }
        row.set_nth(*nth);
    }

    /// All of them.
    pub(super) fn show(&mut self, style: Style) -> io::Result<Vec<u8>> {
        let mut rows = std::mem::take(&mut self.rows);
        self.open.clear();
        rows.sort_by_key(|row| row.time);
        rows.iter_mut().for_each(|row| self.count(row));
        if let Some(most) = self.most {
            rows.drain(..rows.len().saturating_sub(most));
        }
        self.has_hosts = rows.windows(2).any(|pair| match pair {
            [one, other] => one.host() != other.host(),
            _ => false,
        });
        if !self.has_hosts {
            rows.iter_mut().for_each(Row::hide_host);
        }
        if self.reverse {
            rows.reverse();
        }
        let table = Table::of(&rows, style);
        let mut out = Vec::new();
        if !rows.is_empty() {
            table.head(&mut out)?;
            rows.iter().try_for_each(|row| table.row(row, &mut out))?;
            self.table = Some(table);
        }
        Ok(out)
    }

    /// One that came later.
    pub(super) fn show_next(
        &mut self,
        record: &Record,
        style: Style,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let Some(mut row) = Row::of(record) else {
            // Its row is printed already.
            return match record {
                Record::OomExit(_) => {
                    crate::render::render(record, crate::render::Format::Text, style, out)
                }
                _ => Ok(()),
            };
        };
        self.count(&mut row);
        if !self.has_hosts {
            row.hide_host();
        }
        let is_first = self.table.is_none();
        let table = self.table.get_or_insert_with(|| Table::of(std::slice::from_ref(&row), style));
        if is_first {
            table.head(out)?;
        }
        table.row(&row, out)?;
        out.flush()
    }
}
