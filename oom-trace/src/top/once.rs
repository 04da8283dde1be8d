//! One picture of the view, as text.

use std::thread;

use jiff::Zoned;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kills::{Arrivals, Kills};
use super::live::look;
use super::model::Model;
use super::read::Sampler;
use super::view::{self, Panes};
use super::{NoCgroup, Settings};

/// Processes and kills that are listed at the most.
const ROWS: u16 = 10;

/// Looks twice, an interval apart, as growth is not seen at one look; and draws what was seen then.
///
/// # Errors
/// A cgroup that is asked for is not there, or no longer.
pub(crate) fn once(
    settings: &Settings,
    kills: Kills,
    arrivals: &mut dyn Arrivals,
    width: u16,
) -> Result<String, NoCgroup> {
    let mut model = settings.model(kills);
    let mut sampler = Sampler::new(settings.mount.clone());
    look(&mut model, &mut sampler, arrivals);
    settings.choose(&mut model)?;
    thread::sleep(model.interval);
    // All rows are wanted.
    model.set_heights([model.rows.len(), 0, 0], 0);
    look(&mut model, &mut sampler, arrivals);
    settings.check(&model)?;
    Ok(picture(&mut model, width, &Zoned::now()))
}

/// All rows, however many they are.
pub(super) fn picture(model: &mut Model, width: u16, now: &Zoned) -> String {
    let (panes, height) = Panes::whole(model, width, ROWS);
    model.set_heights(panes.rows(), height);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(model, &panes, now, &mut buffer);
    text(&buffer)
}

/// Its lines, without what is blank at their ends.
pub(super) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.rows().map(|row| row.y) {
        let mut line = String::new();
        let mut skip = 0_u16;
        for x in buffer.area.left()..buffer.area.right() {
            let symbol = buffer.cell((x, y)).map_or(" ", ratatui::buffer::Cell::symbol);
            // A wide character stands in one cell and hides the next.
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = view::columns_of(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
