//! Records as a table.

use std::collections::HashMap;
use std::io::{self, Write as _};

use self::counts::Counts;
use crate::incident::model::{OomExit, Record, RecordType};
use crate::render::{Row, Style, Table};

mod counts;

/// How many more than asked for are kept before they are sorted again.
const SLACK: usize = 1024;

/// Rows, and what is known of them together.
#[derive(Debug)]
pub(super) struct Listed {
    most: Option<usize>,
    reverse: bool,
    /// Others come later.
    grows: bool,
    /// No kill is shown in whose row its end could stand.
    has_ends: bool,
    rows: Vec<Row>,
    /// Where the rows of victims stand whose end is not told yet.
    open: HashMap<(String, u32), usize>,
    /// Of those that are not shown, too.
    counts: Counts,
    /// How it was laid out.
    table: Option<Table>,
    /// Records of several hosts are shown.
    has_hosts: bool,
    /// A victim had more resident than the limit that was hit.
    is_above_limit: bool,
}

impl Listed {
    /// Of records of these types; of all if there are none.
    pub(super) fn new(
        most: Option<usize>,
        reverse: bool,
        grows: bool,
        types: &[RecordType],
    ) -> Self {
        let is_asked_for = |kind| types.contains(&kind);
        Self {
            most,
            reverse,
            grows,
            has_ends: is_asked_for(RecordType::OomExit) && !is_asked_for(RecordType::OomKill),
            rows: Vec::new(),
            open: HashMap::new(),
            counts: Counts::default(),
            table: None,
            has_hosts: false,
            is_above_limit: false,
        }
    }

    /// `file` is told where there are several.
    pub(super) fn take(&mut self, record: &Record, file: Option<&str>) {
        match (self.row(record), record) {
            (Some(mut row), _) => {
                file.into_iter().for_each(|file| row.set_file(file));
                self.counts.note(&row);
                self.open.insert(row.key(), self.rows.len());
                self.rows.push(row);
                if self.most.is_some_and(|most| self.rows.len() > most.saturating_add(SLACK)) {
                    self.settle();
                }
            }
            (None, Record::OomExit(exit)) => self.end(exit),
            (None, _) => {}
        }
    }

    /// `None` of what stands in the row of another one.
    fn row(&self, record: &Record) -> Option<Row> {
        match record {
            Record::OomExit(exit) => self.has_ends.then(|| Row::of_end(exit)),
            Record::Agent(said) => Some(Row::of_agent(said)),
            record => Row::of(record),
        }
    }

    fn end(&mut self, exit: &OomExit) {
        let at = self.open.get(&(exit.incident.clone(), exit.tid));
        if let Some(row) = at.and_then(|at| self.rows.get_mut(*at)) {
            row.set_end(exit);
        }
    }

    /// Lets go of what will not be shown.
    fn settle(&mut self) {
        self.rows.sort_by_key(|row| row.time);
        if let Some(most) = self.most {
            self.rows.drain(..self.rows.len().saturating_sub(most));
        }
        self.open = (0..).zip(&self.rows).map(|(at, row)| (row.key(), at)).collect();
    }

    /// All of them.
    pub(super) fn show(&mut self, style: Style) -> io::Result<Vec<u8>> {
        self.settle();
        let mut rows = std::mem::take(&mut self.rows);
        self.open.clear();
        self.counts.number(&mut rows);
        self.has_hosts = rows.windows(2).any(|pair| match pair {
            [one, other] => one.host() != other.host(),
            _ => false,
        });
        if !self.has_hosts {
            rows.iter_mut().for_each(Row::hide_host);
        }
        self.is_above_limit = rows.iter().any(Row::is_above_limit);
        if self.reverse {
            rows.reverse();
        }
        let lay_out = if self.grows { Table::growing } else { Table::of };
        let table = lay_out(&rows, style);
        let mut out = Vec::new();
        if !rows.is_empty() {
            table.head(&mut out)?;
            rows.iter().try_for_each(|row| table.row(row, &mut out))?;
            self.table = Some(table);
        }
        Ok(out)
    }

    /// What is said below a table whose numbers look impossible.
    pub(super) const fn remark(&self) -> Option<&'static str> {
        match self.is_above_limit {
            true => Some(
                "RSS above LIMIT: some of it was charged to other cgroups, such as pages of shared files",
            ),
            false => None,
        }
    }

    /// One that came later.
    pub(super) fn show_next(
        &mut self,
        record: &Record,
        style: Style,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let Some(mut row) = self.row(record) else {
            // Its row is printed already.
            return match record {
                Record::OomExit(_) => {
                    crate::render::render(record, crate::render::Format::Text, style, out)
                }
                _ => Ok(()),
            };
        };
        self.counts.number_next(&mut row);
        if !self.has_hosts {
            row.hide_host();
        }
        let is_first = self.table.is_none();
        let table =
            self.table.get_or_insert_with(|| Table::growing(std::slice::from_ref(&row), style));
        if is_first {
            table.head(out)?;
        }
        table.row(&row, out)?;
        out.flush()
    }
}

#[cfg(test)]
mod tests;
