//! The cgroups: what they hold, what they may, and how long until that is the same.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::{Cell, Column, columns_of, draw, heads, places};
use super::words::{ALARM, FAINT, STRONG, WARNING, bar, grade, left, percent, rate, size, stalled};
use super::{Pane, head_style};
use crate::quote::Quoted;
use crate::sink::PathPattern;
use crate::text::{Escaped, with_short_ids};
use crate::top::model::Model;
use crate::top::order::Sort;
use crate::top::rows::Row;

/// In this order; the first takes what room is left.
const COLUMNS: [Column; 12] = [
    Column { head: "CGROUPS", least: 22, most: u16::MAX, is_right: false, rank: 0 },
    Column::number("USED", 8, 2),
    Column::number("CACHE", 8, 9),
    Column::number("MAX", 8, 1),
    Column { head: "", least: 10, most: 10, is_right: false, rank: 11 },
    Column::number("%MAX", 5, 0),
    Column::number("HIGH", 8, 8),
    Column::number("+/MIN", 9, 3),
    Column::number("FULL IN", 8, 4),
    Column::number("SOME%", 6, 6),
    Column::number("ALL%", 5, 7),
    Column::number("KILLS", 7, 5),
];

/// The key of each column.
const KEYS: [Option<Sort>; 12] = [
    Some(Sort::Name),
    Some(Sort::Used),
    Some(Sort::Cache),
    Some(Sort::Max),
    None,
    Some(Sort::Fill),
    Some(Sort::High),
    Some(Sort::Growth),
    Some(Sort::TimeLeft),
    Some(Sort::Some),
    Some(Sort::Full),
    Some(Sort::Kills),
];

/// The head, and as many rows as there is room for.
pub(super) fn show(model: &Model, area: Rect, buffer: &mut Buffer) {
    let [top, ..] = model.tops;
    let rows = model.rows.iter().enumerate().skip(top);
    let rows: Vec<_> = rows.take(usize::from(area.height.saturating_sub(1))).collect();
    let cells: Vec<_> = rows.iter().map(|(_, row)| cells(row, model.listing.is_tree)).collect();
    let says_nothing = |index: usize| {
        let is_empty = |cell: &Cell| cell.text.is_empty() || cell.text == "–";
        cells.iter().all(|row| row.get(index).is_none_or(is_empty))
    };
    let places = places(&COLUMNS, says_nothing, area.width);
    let style = head_style(model, Pane::Cgroups);
    buffer.set_style(Rect { height: 1, ..area }, style);
    let sort = model.listing.sort;
    let mark = if model.listing.is_reversed { "▲" } else { "▼" };
    let sorted = KEYS.iter().position(|key| *key == Some(sort));
    let mut head = heads(&COLUMNS, style);
    if let Some(head) = sorted.and_then(|index| head.get_mut(index)) {
        head.text.push_str(mark);
    }
    if let (Some(first), Some(place)) = (head.first_mut(), places.first()) {
        let count = format!("{} {}", first.text, counted(model));
        if columns_of(&count) <= place.width {
            first.text = count;
        }
    }
    draw(&COLUMNS, &places, &head, area, area.y, buffer);
    for ((y, cells), (at, row)) in (area.y + 1..).zip(&cells).zip(&rows) {
        draw(&COLUMNS, &places, cells, area, y, buffer);
        let line = Rect { y, height: 1, ..area };
        if *at == model.cursor && model.pane == Pane::Cgroups && model.is_live {
            buffer.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
        }
        let is_chosen = |path| model.chosen.as_ref().is_some_and(|(chosen, _)| chosen == path);
        if is_chosen(&row.standing.cgroup.path) {
            buffer.set_style(line, Style::new().add_modifier(Modifier::BOLD));
        }
    }
    if rows.is_empty() && area.height > 1 {
        let why = match (model.sample.cgroups.is_empty(), model.listing.filter.is_empty()) {
            (true, _) => "no memory cgroups are mounted here".to_owned(),
            (false, true) => {
                model.listing.patterns.iter().map(missing).collect::<Vec<_>>().join(", ")
            }
            (false, false) => "no cgroup matches the filter; Esc clears it".to_owned(),
        };
        buffer.set_stringn(area.x, area.y + 1, why, usize::from(area.width), FAINT);
    }
}

/// One that was there when the view was started, or may come.
fn missing(pattern: &PathPattern) -> String {
    let name = with_short_ids(&Quoted::from(pattern.text()).to_string());
    if pattern.is_wild() { format!("no cgroup fits {name}") } else { format!("{name} is gone") }
}

fn counted(model: &Model) -> String {
    let all = model.sample.cgroups.len();
    match model.rows.len() {
        shown if shown + 1 < all => format!("{shown} of {all} ({} with a limit)", model.limited),
        _ => format!("{all} ({} with a limit)", model.limited),
    }
}

fn cells(row: &Row, is_tree: bool) -> Vec<Cell> {
    let standing = &row.standing;
    let cgroup = &standing.cgroup;
    let fill = cgroup.fill();
    let fill_style = fill.map_or(Style::new(), |fill| grade(fill, 750, 900));
    let time = standing.time_left();
    let time_style = match time {
        Some(time) if time < Duration::from_secs(60) => ALARM,
        Some(time) if time < Duration::from_secs(600) => WARNING,
        _ => Style::new(),
    };
    let pressure = |value: Option<f64>| match value {
        Some(value) if value >= 10.0 => Cell::styled(stalled(value), WARNING),
        value => Cell::or_none(value.map(stalled)),
    };
    let kills = match (cgroup.kills, standing.new_kills) {
        (Some(kills), 0) => Cell::new(kills.to_string()),
        (Some(kills), new) => Cell::styled(format!("{kills} +{new}"), ALARM),
        (None, _) => Cell::none(),
    };
    let is_over = |high: &u64| cgroup.used.is_some_and(|used| used >= *high);
    let high_style = if cgroup.high.as_ref().is_some_and(is_over) { WARNING } else { Style::new() };
    let gauge = fill.map(|fill| {
        let (full, rest) = bar(fill, 10);
        full + &rest
    });
    vec![
        name(row, is_tree),
        Cell::or_none(cgroup.used.map(size)),
        Cell::or_none(cgroup.cache.map(size)),
        Cell::or_none(cgroup.max.map(size)),
        Cell::styled(gauge.unwrap_or_default(), fill_style),
        fill.map_or_else(Cell::none, |fill| Cell::styled(percent(fill), fill_style)),
        cgroup.high.map_or_else(Cell::none, |high| Cell::styled(size(high), high_style)),
        Cell::or_none(standing.growth.map(rate)),
        time.map_or_else(Cell::none, |time| Cell::styled(left(time), time_style)),
        pressure(cgroup.some),
        pressure(cgroup.full),
        kills,
    ]
}

/// The whole path; in the tree its last part.
fn name(row: &Row, is_tree: bool) -> Cell {
    let path = &row.standing.cgroup.path;
    let style = if row.standing.cgroup.max.is_some() { STRONG } else { Style::new() };
    if !is_tree {
        return Cell::path(path, style);
    }
    let path = path.as_bytes();
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let last = if last.is_empty() { path } else { last };
    let mark = match (row.has_children, row.folded) {
        (false, _) => "  ".to_owned(),
        (true, 0) => "- ".to_owned(),
        (true, folded) => format!("+{folded} "),
    };
    let indent = "  ".repeat(row.depth.saturating_sub(1));
    let last = with_short_ids(&Escaped(last).to_string());
    Cell::styled(format!("{indent}{mark}{last}"), style)
}
