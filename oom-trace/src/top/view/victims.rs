//! Who would be killed now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::{Cell, Column, draw, fitted, heads, places};
use super::words::{ALARM, FAINT, WARNING, signed, size};
use super::{Pane, head_style};
use crate::quote::Quoted;
use crate::text::with_short_ids;
use crate::top::badness::{Domain, Victim, Victims};
use crate::top::model::Model;
use crate::top::sample::Task;

/// Lines above the rows.
pub(super) const HEAD: u16 = 2;

/// The place in an order that is the same as shown, in most cases.
const BY_HELD: usize = 7;

const COLUMNS: [Column; 9] = [
    Column::number("#", 3, 6),
    Column::number("PID", 7, 0),
    Column { head: "NAME", least: 12, most: 20, is_right: false, rank: 0 },
    Column::number("HELD", 8, 2),
    Column::number("SWAP", 8, 8),
    Column::number("ADJ", 5, 3),
    Column::number("BADNESS", 9, 1),
    Column::number("BY HELD", 7, 4),
    Column { head: "CGROUP", least: 12, most: u16::MAX, is_right: false, rank: 5 },
];

/// A title, a head, and as many processes as there is room for.
pub(super) fn show(model: &Model, victims: &Victims, area: Rect, buffer: &mut Buffer) {
    let style = head_style(model, Pane::Victims);
    let title = Rect { height: 1, ..area };
    buffer.set_style(title, style);
    let text = fitted(&titled(model, victims), area.width, false);
    buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    let [_, top, _] = model.tops;
    let height = usize::from(area.height.saturating_sub(HEAD));
    let rows: Vec<_> = victims.ranked.iter().enumerate().skip(top).take(height).collect();
    let differs = |(at, victim): (usize, &Victim)| victim.rank_without != at + 1;
    let is_by_held = !victims.ranked.iter().enumerate().any(differs);
    let mut columns = COLUMNS.to_vec();
    let mut head = heads(&COLUMNS, Style::new().add_modifier(Modifier::BOLD));
    let mut lines: Vec<_> = rows.iter().map(|(at, victim)| cells(at + 1, victim)).collect();
    if is_by_held {
        columns.remove(BY_HELD);
        head.remove(BY_HELD);
        lines.iter_mut().for_each(|cells| drop(cells.remove(BY_HELD)));
    }
    let places = places(&columns, |_| false, area.width);
    if area.height > 1 {
        draw(&columns, &places, &head, area, area.y + 1, buffer);
    }
    for (y, cells) in (area.y + HEAD..).zip(&lines) {
        draw(&columns, &places, cells, area, y, buffer);
    }
    if rows.is_empty() && height > 0 {
        let why = match (&victims.domain, victims.exempt) {
            (Domain::Gone(_), _) if model.is_live => "Esc shows who would die on the machine",
            (_, 0) => "no process in it now",
            _ => "none of its processes may be killed",
        };
        buffer.set_stringn(area.x, area.y + HEAD, why, usize::from(area.width), FAINT);
    }
}

/// Whose memory, what that is, and what else one must know of the choice.
fn titled(model: &Model, victims: &Victims) -> String {
    let total = victims.total.map(|total| format!(" ({})", size(total))).unwrap_or_default();
    let mut parts = Vec::new();
    let chosen = model.chosen.as_ref().map(|(path, _)| path);
    let named = |path: Quoted<'_>| with_short_ids(&path.to_string());
    match (&victims.domain, chosen) {
        (Domain::Gone(path), _) => return format!("NEXT TO DIE: {} is gone", named(path.into())),
        (Domain::Machine, Some(path)) if std::ptr::eq(victims, model.victims()) => {
            let path = named(path.into());
            parts.push(format!("NEXT TO DIE if the machine runs out{total}: no limit for {path}"));
        }
        (Domain::Machine, _) => parts.push(format!("NEXT TO DIE if the machine runs out{total}")),
        (Domain::Cgroup(limit), _) => {
            parts.push(format!("NEXT TO DIE if {} runs out{total}", named(limit.into())));
        }
    }
    let panic = model.sample.machine.system.panic_on_oom.unwrap_or(0);
    let is_machine = victims.domain == Domain::Machine;
    if panic > 1 || (panic == 1 && is_machine) {
        parts.push(format!("vm.panic_on_oom is {panic}: the kernel panics instead"));
    } else if model.sample.machine.kills_allocating_task {
        parts.push("vm.oom_kill_allocating_task is on: dies whoever asks for memory".to_owned());
    }
    if let Some(group) = &victims.group {
        let name = group.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        parts.push(format!("all of {} dies (memory.oom.group)", named(name.into())));
    }
    if model.hides_processes || model.sample.hidden_tasks > 0 {
        parts.push("processes of others are hidden here; root sees them".to_owned());
    }
    if victims.exempt_bytes > 0 {
        let (count, held) = (victims.exempt, size(victims.exempt_bytes));
        let processes = if count == 1 { "process" } else { "processes" };
        parts.push(format!("{count} more {processes} may not be killed ({held})"));
    }
    parts.join(" · ")
}

fn cells(rank: usize, victim: &Victim) -> Vec<Cell> {
    let Victim { task, held, given, rank_without } = victim;
    let Task { pid, comm, swap, oom_score_adj, cgroup, .. } = task;
    let first = if rank == 1 { ALARM } else { Style::new() };
    let without = if *rank_without == rank {
        Cell::styled(format!("{rank_without}"), FAINT)
    } else {
        Cell::styled(format!("{rank_without}"), WARNING)
    };
    let adj = if *given == 0 {
        Cell::styled(oom_score_adj.to_string(), FAINT)
    } else {
        Cell::new(oom_score_adj.to_string())
    };
    let badness = victim.badness();
    let badness = if badness < 0 { signed(badness) } else { size(badness.unsigned_abs()) };
    vec![
        Cell::new(rank.to_string()),
        Cell::new(pid.to_string()),
        Cell::styled(Quoted::from(comm).to_string(), first),
        Cell::new(size(*held)),
        if *swap > 0 { Cell::new(size(*swap)) } else { Cell::none() },
        adj,
        Cell::new(badness),
        without,
        Cell::path(cgroup, Style::new()),
    ]
}
