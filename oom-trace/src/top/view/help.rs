//! The help, over all else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::words::{FAINT, STRONG};
use crate::top::help::{LEN, LINES};
use crate::top::model::Model;

/// As much of it as there is room for.
pub(super) fn show(model: &Model, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width);
    let last = area.bottom().saturating_sub(1);
    let top = model.help_top.min(LEN.saturating_sub(usize::from(area.height - 1)));
    for (y, (word, meaning)) in (area.y..last).zip(LINES.iter().skip(top)) {
        let is_heading = !word.is_empty() && meaning.is_empty();
        let x = if is_heading { area.x } else { area.x + 2 };
        buffer.set_stringn(x, y, word, room.saturating_sub(2), STRONG);
        let place = room.saturating_sub(15);
        if place > 0 {
            buffer.set_stringn(area.x + 15, y, meaning, place, Style::new());
        }
    }
    let is_all = top + usize::from(area.height) > LEN;
    let text = if is_all { "any key: back" } else { "↓ more; any other key: back" };
    buffer.set_stringn(area.x, last, text, room, FAINT);
}
