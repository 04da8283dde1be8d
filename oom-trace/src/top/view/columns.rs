//! Columns of a table: which of them there is room for, and how wide they are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::text::{KernelText, with_short_ids};

/// Between two columns.
const GAP: u16 = 1;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// It gets no narrower, and no wider.
    pub(super) least: u16,
    pub(super) most: u16,
    /// Whether it is a number, which stands at the right end.
    pub(super) is_right: bool,
    /// The first to be left out where there is no room is the highest; 0 stays.
    pub(super) rank: u8,
}

impl Column {
    /// A number, of this width.
    pub(super) const fn number(head: &'static str, width: u16, rank: u8) -> Self {
        Self { head, least: width, most: width, is_right: true, rank }
    }
}

/// What stands in a column of a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
    /// Whether its end tells more than its beginning.
    pub(super) keeps_end: bool,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, keeps_end: false }
    }

    /// A path: its end, and of each id in it as much as runtimes show.
    pub(super) fn path(path: &KernelText, style: Style) -> Self {
        let text = with_short_ids(&path.to_string());
        Self { text, style, keeps_end: true }
    }

    /// Of what is not there.
    pub(super) fn none() -> Self {
        Self::new("–")
    }

    pub(super) fn or_none(text: Option<String>) -> Self {
        text.map_or_else(Self::none, Self::new)
    }
}

/// A column that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In the list of columns.
    pub(super) index: usize,
    pub(super) x: u16,
    pub(super) width: u16,
}

/// Where columns stand in so much room. Those that say nothing go first where it is scarce.
pub(super) fn places(
    columns: &[Column],
    says_nothing: impl Fn(usize) -> bool,
    room: u16,
) -> Vec<Place> {
    let mut shown: Vec<(usize, &Column)> = columns.iter().enumerate().collect();
    let needed = |shown: &[(usize, &Column)]| {
        let widths = shown.iter().map(|(_, column)| column.least + GAP).sum::<u16>();
        widths.saturating_sub(GAP)
    };
    while needed(&shown) > room {
        let rank = |(index, column): &(usize, &Column)| match column.rank {
            0 => (false, 0),
            rank => (says_nothing(*index), rank),
        };
        let Some((at, last)) = shown.iter().enumerate().max_by_key(|(_, column)| rank(column))
        else {
            break;
        };
        if rank(last) == (false, 0) {
            break;
        }
        shown.remove(at);
    }
    let mut left = room.saturating_sub(needed(&shown));
    let mut x = 0;
    let place = |(index, column): (usize, &Column)| {
        let more = left.min(column.most.saturating_sub(column.least));
        left -= more;
        let place = Place { index, x, width: column.least + more };
        x += place.width + GAP;
        place
    };
    shown.into_iter().map(place).collect()
}

/// Draws one cell of each column that is shown.
pub(super) fn draw(
    columns: &[Column],
    places: &[Place],
    cells: &[Cell],
    area: Rect,
    y: u16,
    buffer: &mut Buffer,
) {
    for place in places {
        let (Some(column), Some(cell)) = (columns.get(place.index), cells.get(place.index)) else {
            continue;
        };
        let width = place.width.min(area.width.saturating_sub(place.x));
        let text = fitted(&cell.text, width, cell.keeps_end);
        let indent = if column.is_right { width.saturating_sub(columns_of(&text)) } else { 0 };
        let x = area.x + place.x + indent;
        buffer.set_stringn(x, y, &text, usize::from(width - indent), cell.style);
    }
}

/// The heads of the columns, as cells.
pub(super) fn heads(columns: &[Column], style: Style) -> Vec<Cell> {
    columns.iter().map(|column| Cell::styled(column.head, style)).collect()
}

/// How many columns of a terminal a text takes.
pub(in crate::top) fn columns_of(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// As much of it as there is room for.
pub(super) fn fitted(text: &str, width: u16, keeps_end: bool) -> String {
    if columns_of(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let mut rest = text;
    while columns_of(rest) > room {
        let mut characters = rest.chars();
        if keeps_end {
            characters.next()
        } else {
            characters.next_back()
        };
        rest = characters.as_str();
    }
    match (width, keeps_end) {
        (0, _) => String::new(),
        (_, true) => format!("…{rest}"),
        (_, false) => format!("{rest}…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column { head: "NAME", least: 6, most: 20, is_right: false, rank: 0 },
        Column { head: "USED", least: 8, most: 8, is_right: true, rank: 1 },
        Column { head: "HIGH", least: 8, most: 8, is_right: true, rank: 2 },
        Column { head: "WHERE", least: 6, most: u16::MAX, is_right: false, rank: 3 },
    ];

    fn widths(room: u16, empty: Option<usize>) -> Vec<(usize, u16)> {
        let places = places(&COLUMNS, |index| Some(index) == empty, room);
        let last = places.last().map_or(0, |last| last.x + last.width);
        assert!(last <= room || places.len() == 1, "{room}: {places:?}");
        places.iter().map(|place| (place.index, place.width)).collect()
    }

    #[test]
    fn what_matters_least_goes_first_and_what_is_left_grows() {
        assert_eq!(widths(60, None), [(0, 20), (1, 8), (2, 8), (3, 21)]);
        assert_eq!(widths(31, None), [(0, 6), (1, 8), (2, 8), (3, 6)]);
        assert_eq!(widths(30, None), [(0, 12), (1, 8), (2, 8)]);
        assert_eq!(widths(30, Some(1)), [(0, 14), (2, 8), (3, 6)]);
        assert_eq!(widths(3, None), [(0, 6)]);
    }

    #[test]
    fn what_does_not_fit_is_cut_where_it_tells_least() {
        assert_eq!(fitted("/a/b.service", 9, true), "….service");
        assert_eq!(fitted("containerd", 5, false), "cont…");
        assert_eq!(fitted("日本語", 4, false), "日…");
        assert_eq!(fitted("日本語", 6, false), "日本語");
        assert_eq!((fitted("abc", 1, true), fitted("abc", 0, true)), ("…".into(), String::new()));
    }
    /// As runtimes show it, so that it can be found among what they list.
    #[test]
    fn an_id_in_a_path_is_told_by_its_beginning() {
        let id = "4f1a6d0b9c2e".to_owned() + &"8a7f".repeat(13);
        let path = KernelText::from(format!("/kubepods.slice/cri-containerd-{id}.scope"));
        let cell = Cell::path(&path, Style::new());
        assert_eq!(fitted(&cell.text, 22, cell.keeps_end), "…d-4f1a6d0b9c2e….scope");
    }
}
