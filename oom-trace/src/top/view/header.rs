//! How the machine stands.

use jiff::Zoned;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::columns::columns_of;
use super::words::{ALARM, FAINT, STRONG, WARNING, bar, grade, size, stalled};
use crate::incident::model::Pressure;
use crate::quote::Quoted;
use crate::top::model::Model;
use crate::units::{Age, Counted, percent};

/// As many lines as there is room for: memory and swap first, where there is but one.
pub(super) fn show(model: &Model, now: &Zoned, area: Rect, buffer: &mut Buffer) {
    let lines = match area.height {
        0 => Vec::new(),
        1 => vec![memory(model, area.width)],
        2 => vec![first(model, now, area.width), memory(model, area.width)],
        _ => vec![first(model, now, area.width), memory(model, area.width), pressure(model)],
    };
    for (y, line) in (area.y..).zip(&lines) {
        buffer.set_line(area.x, y, line, area.width);
    }
}

fn first(model: &Model, now: &Zoned, width: u16) -> Line<'static> {
    let machine = &model.sample.machine;
    let host = Quoted::from(model.host.as_str()).to_string();
    let up = machine.uptime.and_then(|up| u64::try_from(up.as_millis()).ok());
    let up = up.map(|up| format!("up {}", Age(up)));
    let kills = machine.oom_kills.map(|count| {
        let style = if count > 0 { WARNING } else { Style::new() };
        Span::styled(format!("{} since boot", Counted(count, "OOM kill")), style)
    });
    let mut spans = vec![Span::styled("oom-trace top", STRONG)];
    for part in [Some(Span::raw(host)), kills, up.map(Span::raw)].into_iter().flatten() {
        // Whole, or not at all.
        if columns(&spans) + 2 + columns_of(&part.content) <= width {
            spans.extend([Span::raw("  "), part]);
        }
    }
    let pause = if model.is_paused { "paused  " } else { "" };
    // One picture is looked at once.
    let pace = match model.is_live {
        true => format!("every {} s  ", model.interval.as_secs_f64()),
        false => String::new(),
    };
    let clock = now.strftime("%T").to_string();
    let right = [Span::styled(pause, ALARM), Span::styled(pace, FAINT), Span::raw(clock)];
    pushed_right(spans, &right, width)
}

/// What stands at the right end, if there is room.
fn pushed_right(
    mut spans: Vec<Span<'static>>,
    right: &[Span<'static>],
    width: u16,
) -> Line<'static> {
    // The last of them matters most.
    for start in 0..right.len() {
        let some = right.get(start..).unwrap_or_default();
        if let Some(gap) = width.checked_sub(columns(&spans) + columns(some)).filter(|gap| *gap > 1)
        {
            spans.push(Span::raw(" ".repeat(usize::from(gap))));
            spans.extend_from_slice(some);
            break;
        }
    }
    Line::from(spans)
}

fn columns(spans: &[Span<'_>]) -> u16 {
    spans.iter().map(|it| columns_of(&it.content)).sum()
}

fn memory(model: &Model, width: u16) -> Line<'static> {
    let system = &model.sample.machine.system;
    let (Some(total), Some(available)) = (system.total_bytes, system.available_bytes) else {
        return Line::from("memory –");
    };
    let used = total.saturating_sub(available);
    let share = percent(used, total).unwrap_or(0);
    let style = grade(share, 80, 92);
    let (full, rest) = bar(share * 10, if width >= 100 { 30 } else { 10 });
    let swap = match (system.swap_total_bytes, system.swap_free_bytes) {
        (Some(0), _) => Span::styled("no swap", FAINT),
        (Some(total), Some(free)) => {
            let used = total.saturating_sub(free);
            let share = percent(used, total).unwrap_or(0);
            Span::styled(format!("swap {} of {}", size(used), size(total)), grade(share, 60, 90))
        }
        _ => Span::raw("swap –"),
    };
    Line::from(vec![
        Span::raw("memory "),
        Span::styled(full, style),
        Span::styled(rest, FAINT),
        Span::styled(format!(" {share}%"), style),
        Span::raw(format!("  {} available of {}  ", size(available), size(total))),
        swap,
    ])
}

fn pressure(model: &Model) -> Line<'static> {
    let system = &model.sample.machine.system;
    let averages = |it: Pressure| {
        format!("{} {} {}", stalled(it.avg10), stalled(it.avg60), stalled(it.avg300))
    };
    let (Some(some), Some(full)) = (system.pressure_some, system.pressure_full) else {
        return Line::from("pressure –");
    };
    let style = |it: Pressure| if it.avg10 >= 10.0 { WARNING } else { Style::new() };
    Line::from(vec![
        Span::raw("pressure  some wait "),
        Span::styled(averages(some), style(some)),
        Span::raw("  all wait "),
        Span::styled(averages(full), style(full)),
        Span::styled("  % of 10 s, 1 min, 5 min", FAINT),
    ])
}
