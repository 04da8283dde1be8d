//! Kills: those that come, and those from before.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::fitted;
use super::words::{ALARM, FAINT, STRONG};
use super::{Pane, head_style};
use crate::render;
use crate::render::Table;
use crate::top::model::Model;

/// Lines above the rows.
pub(super) const HEAD: u16 = 2;

/// For so long the eye should find one that has come.
const NEW: Duration = Duration::from_secs(60);

/// A title, a head, and as many kills as there is room for, the newest first.
pub(super) fn show(model: &Model, area: Rect, buffer: &mut Buffer) {
    let style = head_style(model, Pane::Kills);
    buffer.set_style(Rect { height: 1, ..area }, style);
    let title = fitted(&titled(model), area.width, false);
    buffer.set_stringn(area.x, area.y, title, usize::from(area.width), style);
    let rows: Vec<_> = model.kills.rows.iter().map(|(row, _)| row.clone()).collect();
    let table = Table::of(&rows, render::Style { width: area.width, ..render::Style::default() });
    let mut y = area.y + 1;
    let mut put = |line: Vec<u8>, style| {
        let text = String::from_utf8_lossy(&line);
        if y < area.bottom() {
            buffer.set_stringn(area.x, y, text.trim_end(), usize::from(area.width), style);
        }
        y += 1;
    };
    if rows.is_empty() {
        return put(b"none".to_vec(), FAINT);
    }
    let mut line = Vec::new();
    if table.head(&mut line).is_ok() {
        put(line, Style::new().add_modifier(Modifier::BOLD));
    }
    let [.., top] = model.tops;
    let height = usize::from(area.height.saturating_sub(HEAD));
    for (row, came) in model.kills.rows.iter().skip(top).take(height) {
        let mut line = Vec::new();
        let style = match came {
            Some(at) if model.sample.at.saturating_sub(*at) < NEW => ALARM,
            Some(_) => STRONG,
            None => Style::new(),
        };
        if table.row(row, &mut line).is_ok() {
            put(line, style);
        }
    }
}

fn titled(model: &Model) -> String {
    let new = model.kills.rows.iter().filter(|(_, came)| came.is_some()).count();
    let new = if new > 0 { format!(" ({new} new)") } else { String::new() };
    let which = model.kills.which.as_ref().map(|which| format!(" {which}")).unwrap_or_default();
    format!("KILLS{which}{new} · {}", model.kills.error.as_ref().unwrap_or(&model.kills.place))
}
