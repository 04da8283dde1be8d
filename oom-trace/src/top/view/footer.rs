//! The keys, or the line that is being typed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::columns::columns_of;
use super::words::STRONG;
use crate::text::Escaped;
use crate::top::model::Model;

const LABEL: Style = Style::new().fg(Color::Black).bg(Color::Cyan);

/// Those that matter most first.
const KEYS: [(&str, &str); 9] = [
    ("F1", "Help"),
    ("Enter", "Choose"),
    ("F4", "Filter"),
    ("F5", "Tree"),
    ("F6", "Sort"),
    ("Tab", "Pane"),
    ("q", "Quit"),
    ("p", "Pause"),
    ("d", "Delay"),
];

pub(super) fn show(model: &Model, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width);
    if let Some(edit) = &model.edit {
        let (what, text) = edit.shown();
        let line = format!("{what}{}_", Escaped(text.as_bytes()));
        buffer.set_stringn(area.x, area.y, line, room, STRONG);
        return;
    }
    let mut x = area.x;
    for (key, label) in KEYS {
        let label = match label {
            "Sort" => format!("Sort:{}", model.listing.sort.name()),
            "Filter" if !model.listing.filter.is_empty() => {
                format!("Filter:{}", Escaped(model.listing.filter.as_bytes()))
            }
            "Tree" if model.listing.is_tree => "List".to_owned(),
            "Pause" if model.is_paused => "Go on".to_owned(),
            "Choose" if model.chosen.is_some() => "Machine".to_owned(),
            label => label.to_owned(),
        };
        let width = columns_of(key) + columns_of(&label) + 1;
        if x + width > area.right() {
            break;
        }
        buffer.set_stringn(x, area.y, key, room, STRONG);
        buffer.set_stringn(x + columns_of(key), area.y, &label, room, LABEL);
        x += width;
    }
}
