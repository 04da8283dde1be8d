//! Records as a table: a line each, as wide as the terminal.

mod row;

use std::io::{self, Write};

use anstyle::Style as Ansi;

pub use self::row::Row;

use super::Style;
use super::block::Palette;
use super::moment::zone;

/// Blanks between two columns.
const GAP: usize = 2;

/// A column.
struct Column {
    head: &'static str,
    /// It gets no narrower.
    least: usize,
    /// Whether numbers stand at its right end.
    is_right: bool,
    /// The first to be left out where there is no room for all is the highest; 0 stays.
    rank: u8,
    cell: fn(&Row) -> &str,
}

/// In the order in which they stand. A size is never cut.
const COLUMNS: [Column; 12] = [
    Column { head: "HOST", least: 6, is_right: false, rank: 3, cell: |row| &row.host },
    Column { head: "KILLED", least: 13, is_right: false, rank: 0, cell: |row| &row.killed },
    Column { head: "IN", least: 9, is_right: false, rank: 0, cell: |row| &row.place },
    Column { head: "LIMIT", least: 9, is_right: true, rank: 1, cell: |row| &row.limit },
    Column { head: "LIMIT OF", least: 9, is_right: false, rank: 5, cell: |row| &row.limit_of },
    Column { head: "RSS", least: 8, is_right: true, rank: 2, cell: |row| &row.rss },
    Column { head: "TRIGGER", least: 12, is_right: false, rank: 7, cell: |row| &row.trigger },
    Column { head: "FREED", least: 7, is_right: true, rank: 6, cell: |row| &row.freed },
    Column { head: "NTH", least: 6, is_right: true, rank: 4, cell: |row| &row.nth },
    Column { head: "FILE", least: 8, is_right: false, rank: 0, cell: |row| &row.file },
    Column { head: "EVENT", least: 7, is_right: false, rank: 0, cell: |row| &row.event },
    Column { head: "MESSAGE", least: 20, is_right: false, rank: 0, cell: |row| &row.message },
];

/// How rows are laid out: once found, it holds for rows that come later.
#[derive(Debug, Clone)]
pub struct Table {
    /// The columns that are shown, and how wide each is.
    shown: Vec<(usize, usize)>,
    time_width: usize,
    /// The offset of all times, if it is the same.
    offset: Option<String>,
    style: Style,
}

impl Table {
    /// As these rows need it.
    #[must_use]
    pub fn of(rows: &[Row], style: Style) -> Self {
        Self::laid_out(rows, style, false)
    }

    /// With room for what others may have that come later.
    #[must_use]
    pub fn growing(rows: &[Row], style: Style) -> Self {
        Self::laid_out(rows, style, true)
    }

    fn laid_out(rows: &[Row], style: Style, grows: bool) -> Self {
        let mut offsets = rows.iter().filter_map(|row| row.time).map(zone);
        let first = offsets.next();
        let offset = match &first {
            Some(first) if offsets.all(|other| other == *first) => Some(first.clone()),
            Some(_) => None,
            None => Some(String::new()),
        };
        let mut table = Self { shown: Vec::new(), time_width: 0, offset, style };
        let times = rows.iter().map(|row| columns(&row.when(table.offset.is_none())));
        table.time_width = times.max().unwrap_or(0).max(columns(&table.time_head()));
        let has_kills = rows.iter().any(|row| !row.killed.is_empty());
        let natural = |column: &Column| {
            let widest = rows.iter().map(|row| columns((column.cell)(row))).max().unwrap_or(0);
            let least = if grows { column.least } else { column.head.len() };
            // One in which nothing stands says nothing.
            (widest > 0 || grows && has_kills && column.is_right).then(|| widest.max(least))
        };
        let mut shown: Vec<_> = COLUMNS
            .iter()
            .enumerate()
            .filter_map(|(index, column)| Some((index, natural(column)?)))
            .collect();
        let room = usize::from(style.width).saturating_sub(table.time_width);
        let least = |&(index, width): &(usize, usize)| {
            GAP + COLUMNS.get(index).map_or(0, |column| column.least.min(width))
        };
        while shown.iter().map(least).sum::<usize>() > room {
            let rank = |&(index, _): &(usize, usize)| COLUMNS.get(index).map_or(0, |it| it.rank);
            let Some(place) = (0..shown.len()).max_by_key(|&at| shown.get(at).map_or(0, rank))
            else {
                break;
            };
            if shown.get(place).map_or(0, rank) == 0 {
                break;
            }
            shown.remove(place);
        }
        narrow(&mut shown, room, |index| COLUMNS.get(index).map_or(0, |column| column.least));
        // Names alone are left: better cut short than over the edge.
        narrow(&mut shown, room, |_| 1);
        table.shown = shown;
        table
    }

    fn time_head(&self) -> String {
        match self.offset.as_deref() {
            Some("") | None => "TIME".to_owned(),
            Some(offset) => format!("TIME ({offset})"),
        }
    }

    /// The names of the columns.
    ///
    /// # Errors
    /// As of `out`.
    pub fn head(&self, out: &mut impl Write) -> io::Result<()> {
        let strong = Palette::from(self.style).strong;
        let cells = self.shown.iter().filter_map(|(index, width)| {
            let column = COLUMNS.get(*index)?;
            Some((column.head, *width, column.is_right))
        });
        self.line(&self.time_head(), cells, strong, out)
    }

    /// One row.
    ///
    /// # Errors
    /// As of `out`.
    pub fn row(&self, row: &Row, out: &mut impl Write) -> io::Result<()> {
        let cells = self.shown.iter().filter_map(|(index, width)| {
            let column = COLUMNS.get(*index)?;
            Some(((column.cell)(row), *width, column.is_right))
        });
        let alarm = if row.is_alarming { Palette::from(self.style).alarm } else { Ansi::new() };
        self.line(&row.when(self.offset.is_none()), cells, alarm, out)
    }

    fn line<'a>(
        &self,
        time: &str,
        cells: impl Iterator<Item = (&'a str, usize, bool)>,
        style: Ansi,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut line = format!("{time:<width$}", width = self.time_width);
        for (text, width, is_right) in cells {
            let text = fitted(text, width);
            let blanks = " ".repeat(width.saturating_sub(columns(&text)));
            let (before, after) = if is_right { (&*blanks, "") } else { ("", &*blanks) };
            line.push_str("  ");
            line.push_str(before);
            line.push_str(&text);
            line.push_str(after);
        }
        writeln!(out, "{style}{}{style:#}", line.trim_end())
    }
}

/// Until all fit, or are no wider than the least they may be: the widest gives way first.
fn narrow(shown: &mut [(usize, usize)], room: usize, least: impl Fn(usize) -> usize) {
    while shown.iter().map(|(_, width)| GAP + width).sum::<usize>() > room {
        let may = shown.iter_mut().filter(|(index, width)| *width > least(*index));
        let Some((_, width)) = may.max_by_key(|it| it.1) else { break };
        *width -= 1;
    }
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// As much of it as there is room for: a name's beginning with its process id, a path's end.
fn fitted(text: &str, width: usize) -> String {
    let count = columns(text);
    if count <= width {
        return text.to_owned();
    }
    if text.starts_with('/') {
        return ['…'].into_iter().chain(text.chars().skip(count + 1 - width.max(1))).collect();
    }
    let (name, id) = match text.rfind(" (").filter(|_| text.ends_with(')')) {
        Some(at) if columns(text.get(at..).unwrap_or_default()) < width => text.split_at(at),
        _ => (text, ""),
    };
    let room = width.saturating_sub(columns(id) + 1);
    name.chars().take(room).chain(['…']).chain(id.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::{Cgroup, Limit, Record, Shortage};
    use crate::render::fixtures;

    fn rows() -> Vec<Row> {
        let mut other = fixtures::memcg();
        if let Some(trigger) = &mut other.shortage.trigger {
            (trigger.pid, trigger.tid) = (Some(7), Some(7));
        }
        let mut all = fixtures::all().to_vec();
        all.push(("another trigger", Record::OomKill(Box::new(other))));
        let mut rows: Vec<_> = all.iter().filter_map(|(_, record)| Row::of(record)).collect();
        for (row, nth) in rows.iter_mut().zip(1..) {
            row.set_nth(nth);
        }
        rows
    }

    fn shown(rows: &[Row], width: u16) -> Vec<String> {
        let style = Style { width, ..Style::default() };
        let table = Table::of(rows, style);
        let mut out = Vec::new();
        table.head(&mut out).unwrap();
        rows.iter().for_each(|row| table.row(row, &mut out).unwrap());
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let rows = rows();
        for width in [40, 50, 60, 80, 90, 100, 120, 200] {
            let lines = shown(&rows, width);
            assert_eq!(lines.len(), rows.len() + 1);
            for line in &lines {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
            let heads = ["TIME", "KILLED", "IN", "LIMIT", "RSS"];
            for head in heads.iter().take(if width < 80 { 3 } else { 5 }) {
                assert!(lines[0].contains(head), "{width}: {}", lines[0]);
            }
        }
        assert!(shown(&rows, 200)[0].contains("TRIGGER"));
    }

    #[test]
    fn nothing_that_a_process_chose_acts_on_the_terminal() {
        for line in shown(&rows(), 200) {
            assert!(!line.chars().any(crate::text::acts), "{line:?}");
        }
    }

    #[test]
    fn other_records_have_columns_of_their_own() {
        let all = fixtures::all();
        let agents = all.iter().filter_map(|(_, record)| match record {
            Record::Agent(said) => Some(Row::of_agent(said)),
            _ => None,
        });
        let lines = shown(&agents.collect::<Vec<_>>(), 120);
        assert!(lines[0].contains("EVENT") && lines[0].contains("MESSAGE"), "{lines:?}");
        assert!(!lines[0].contains("KILLED") && lines[1].contains("degraded"), "{lines:?}");
        let ends = all.iter().filter_map(|(_, record)| match record {
            Record::OomExit(exit) => Some(Row::of_end(exit)),
            _ => None,
        });
        let lines = shown(&ends.collect::<Vec<_>>(), 120);
        assert!(lines[0].contains("KILLED") && lines[0].contains("FREED"), "{lines:?}");
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let row = Row::of(&Record::OomKill(Box::new(fixtures::unknown()))).unwrap();
        let lines = shown(&[row], 80);
        assert!(!lines[0].contains("TRIGGER") && !lines[0].contains("FREED"), "{}", lines[0]);
    }

    #[test]
    fn a_limit_below_a_unit_has_its_own_name() {
        let mut kill = fixtures::unknown();
        kill.victim.unit = Some("ci.service".into());
        for (path, is_shown) in [("/ci.service/job-1", true), ("/ci.service", false)] {
            kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
            let limit = Limit { cgroup: Some(path.into()), ..Limit::default() };
            kill.shortage = Shortage { limit: Some(limit), ..Shortage::default() }.into();
            let lines = shown(&[Row::of(&Record::OomKill(Box::new(kill.clone()))).unwrap()], 120);
            assert_eq!(lines[1].contains("job-1"), is_shown, "{lines:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_where_it_tells_least() {
        assert_eq!(fitted("kubelet.service", 15), "kubelet.service");
        assert_eq!(fitted("kubelet.service", 9), "kubelet.…");
        assert_eq!(fitted("containerd (4100)", 12), "cont… (4100)");
        assert_eq!(fitted("containerd (4100)", 7), "contai…");
        assert_eq!(fitted("/system/apid", 6), "…/apid");
        assert_eq!(fitted("äöüß", 3), "äö…");
    }
}
