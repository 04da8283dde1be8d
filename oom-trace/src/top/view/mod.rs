//! Draws the model.

mod cgroups;
mod columns;
mod footer;
mod header;
mod help;
mod kills;
mod victims;
mod words;

use jiff::Zoned;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::model::{Model, Pane};

pub(super) use self::columns::columns_of;

/// From here on two lists of processes stand side by side.
const SIDE_BY_SIDE: u16 = 160;

/// No picture is drawn into less.
const LEAST: (u16, u16) = (20, 3);

/// Where everything stands. What there is no room for has no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panes {
    header: Rect,
    cgroups: Rect,
    victims: Rect,
    kills: Rect,
    footer: Rect,
}

impl Panes {
    /// Of a terminal. The pane that has the keys gets more room, and none has more than it has rows for
    /// while another has less.
    pub(super) fn of(area: Rect, model: &Model) -> Self {
        let header = match area.height {
            0..6 => 0,
            6..10 => 1,
            10..20 => 2,
            _ => 3,
        };
        let footer = u16::from(area.height >= 6);
        let rest = area.height - header - footer;
        let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let machine = if area.width >= SIDE_BY_SIDE { model.machine.ranked.len() } else { 0 };
        let victims = model.victims().ranked.len().max(machine);
        let needed = [
            rows(model.rows.len()).saturating_add(1),
            rows(victims).saturating_add(victims::HEAD),
            rows(model.kills.rows.len()).saturating_add(kills::HEAD),
        ];
        let [cgroups, victims, kills] = evened(shares(rest, model.pane), needed);
        Self::stacked(area, [header, cgroups, victims, kills, footer])
    }

    /// Of a picture in which all rows stand.
    pub(super) fn whole(model: &Model, width: u16, most: u16) -> (Self, u16) {
        let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).clamp(1, most);
        // The rest of the picture has some thirty lines.
        let cgroups = u16::try_from(model.rows.len()).unwrap_or(u16::MAX).clamp(1, 60_000) + 1;
        let victims = rows(model.victims().ranked.len()) + victims::HEAD;
        let kills = rows(model.kills.rows.len()) + kills::HEAD;
        let heights = [3, cgroups, victims, kills, 0];
        let height = heights.iter().sum();
        (Self::stacked(Rect::new(0, 0, width, height), heights), height)
    }

    fn stacked(area: Rect, heights: [u16; 5]) -> Self {
        let mut y = area.y;
        let [header, cgroups, victims, kills, footer] = heights.map(|height| {
            let rect = Rect { y, height, ..area };
            y += height;
            rect
        });
        Self { header, cgroups, victims, kills, footer }
    }

    /// How many rows each pane has.
    pub(super) fn rows(&self) -> [usize; 3] {
        let rows = |rect: Rect, head: u16| usize::from(rect.height.saturating_sub(head));
        [rows(self.cgroups, 1), rows(self.victims, victims::HEAD), rows(self.kills, kills::HEAD)]
    }
}

/// How many lines each pane gets.
fn shares(rest: u16, pane: Pane) -> [u16; 3] {
    /// A title, a head, and rows that are worth it.
    const LEAST: u16 = 4;
    let (victims, kills) = match rest {
        0..7 => (0, 0),
        7..12 => (LEAST - 1, 0),
        12..15 => (LEAST, LEAST - 1),
        rest => ((rest * 3 / 10).clamp(LEAST, 14), (rest / 4).clamp(LEAST, 12)),
    };
    let cgroups = rest - victims - kills;
    // The others keep what is needed to be read.
    match pane {
        Pane::Victims if victims == 0 => [0, rest, 0],
        Pane::Kills if kills == 0 => [0, 0, rest],
        Pane::Victims => {
            let more = cgroups.saturating_sub(LEAST);
            [cgroups - more, victims + more, kills]
        }
        Pane::Kills => {
            let more = cgroups.saturating_sub(LEAST);
            [cgroups - more, victims, kills + more]
        }
        Pane::Cgroups => [cgroups, victims, kills],
    }
}

/// What one does not need the others get, and the first what nobody needs.
fn evened(shares: [u16; 3], needed: [u16; 3]) -> [u16; 3] {
    let mut shares = shares;
    let mut spare = 0;
    for (share, needed) in shares.iter_mut().zip(needed) {
        // One that is not shown at all stays so, and one that is empty says so.
        let kept = needed.max(4).min(*share);
        spare += *share - kept;
        *share = kept;
    }
    for (share, needed) in shares.iter_mut().zip(needed).filter(|(share, _)| **share > 0) {
        let more = spare.min(needed.saturating_sub(*share));
        *share += more;
        spare -= more;
    }
    if let Some(share) = shares.iter_mut().find(|share| **share > 0) {
        *share += spare;
    }
    shares
}

/// Draws all of it.
pub(super) fn draw(model: &Model, panes: &Panes, now: &Zoned, buffer: &mut Buffer) {
    let area = buffer.area;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        buffer.set_stringn(0, 0, "too small", usize::from(area.width), Style::new());
        return;
    }
    if model.shows_help {
        help::show(model, area, buffer);
        return;
    }
    header::show(model, now, panes.header, buffer);
    if panes.cgroups.height > 0 {
        cgroups::show(model, panes.cgroups, buffer);
    }
    if panes.victims.height > 0 {
        match &model.chosen {
            Some((_, chosen)) if area.width >= SIDE_BY_SIDE => {
                let half = panes.victims.width / 2;
                let left = Rect { width: half - 1, ..panes.victims };
                let width = panes.victims.width - half;
                let right = Rect { x: half, width, ..panes.victims };
                victims::show(model, chosen, left, buffer);
                victims::show(model, &model.machine, right, buffer);
            }
            _ => victims::show(model, model.victims(), panes.victims, buffer),
        }
    }
    if panes.kills.height > 0 {
        kills::show(model, panes.kills, buffer);
    }
    if panes.footer.height > 0 {
        footer::show(model, panes.footer, buffer);
    }
}

/// A pane's first line shows whether it has the keys.
fn head_style(model: &Model, pane: Pane) -> Style {
    let color = if model.pane == pane { Color::Green } else { Color::Gray };
    Style::new().fg(Color::Black).bg(color).add_modifier(Modifier::BOLD)
}

#[cfg(test)]
mod tests;
