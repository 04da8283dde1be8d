//! The report as one page that needs nothing else: no network, no other file, and no script to be read.
//!
//! The templates are in `templates/report/`. What they print is escaped by [`Hostile`], without which
//! they do not compile; sizes of bars are attributes of SVG, for the page's policy allows no style but
//! its own.

mod bar;
mod chart;
mod columns;
mod escape;
mod full;
mod policy;
mod row;
mod weighed;

use std::io::{self, Write};

use askama::Template;
use jiff::Timestamp;

pub use escape::Hostile;

use self::bar::Percent;
use self::chart::Chart;
use self::columns::Columns;
use self::full::Full;
use self::row::{Row, rows};
use super::group::Group;
use super::place::{on_host, short};
use super::repeat::Repeat;
use super::summary::{Report, Todo};
use super::when::{When, zone_name};
use super::{headline, text};
use crate::units::Counted;

const STYLE: &str = include_str!("../../../templates/report/page.css");
pub(super) const SCRIPT: &str = include_str!("../../../templates/report/page.js");

/// What a page begins with, of whatever version.
pub const BEGINNING: &[u8] = b"<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"generator\" content=\"oom-trace ";

/// So many hints for each thing to do.
const HINTS: usize = 3;

/// So many places and names are listed.
const REPEATS: usize = 50;
const NAMES: usize = 8;

/// Characters of a name.
const NAME: usize = 60;

/// Writes the page.
///
/// # Errors
/// It cannot be written.
pub fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(report);
    let columns = Columns::of(&rows);
    let style = columns.rule() + STYLE;
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        policy: policy::policy(&style, SCRIPT),
        style,
        script: SCRIPT,
        headline: headline::headline(report),
        more: sentence(&headline::more(report)),
        zone: zone_name(&report.zone),
        notes: text::noted(&report.notes),
        recovery: report.recovery.told(),
        chart: chart::chart(report),
        coverage: report.notes.coverage.told(&report.zone),
        extent: extent(report),
        columns,
        rows,
        report,
    };
    page.write_into(out)
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct Page<'a> {
    version: &'static str,
    policy: String,
    style: String,
    script: &'static str,
    headline: String,
    more: Option<String>,
    zone: String,
    notes: Vec<String>,
    recovery: Option<String>,
    chart: Option<Chart>,
    coverage: Option<String>,
    extent: String,
    columns: Columns,
    rows: Vec<Row<'a>>,
    report: &'a Report,
}

/// What the templates ask for.
impl<'a> Page<'a> {
    fn full(&self, row: &Row<'a>) -> Option<Full<'a>> {
        Full::of(row)
    }

    fn hints(&self, todo: &Todo) -> impl Iterator<Item = String> {
        let hints = todo.why.hints.iter().take(HINTS).cloned();
        hints.chain(text::meanwhile(&todo.place))
    }

    fn of_place(&self, place: &Repeat) -> String {
        text::of_place(place, self.report)
    }

    fn named(&self, repeat: &Repeat) -> String {
        on_host(&repeat.who, repeat.host.as_deref().filter(|_| self.report.is_fleet()))
    }

    fn repeats(&self) -> impl Iterator<Item = &Repeat> {
        self.report.repeats.iter().take(REPEATS)
    }

    fn more_todo(&self) -> Option<u64> {
        beyond(self.report.more_todo, 0)
    }

    fn more_repeats(&self) -> Option<u64> {
        beyond(self.report.repeats.len(), REPEATS)
    }

    fn has_trend(&self) -> bool {
        self.repeats().any(|repeat| repeat.trend.is_some())
    }

    fn interval(&self, repeat: &Repeat) -> String {
        text::interval(repeat)
    }

    fn minute(&self, time: &Option<Timestamp>) -> String {
        format!("{:#}", When { time: *time, boot_ns: None, zone: &self.report.zone })
    }

    fn top<'b>(&self, group: &'b Group) -> impl Iterator<Item = &'b (String, u64)> {
        group.rows.iter().take(NAMES)
    }

    fn more_rows(&self, group: &Group) -> Option<u64> {
        beyond(group.rows.len(), NAMES)
    }

    fn short(&self, name: &str) -> String {
        short(name, NAME)
    }

    fn share(&self, count: &u64, group: &Group) -> Percent {
        Percent::of(*count, group.rows.first().map_or(0, |(_, most)| *most))
    }

    fn counted<'b>(&self, count: &u64, noun: &'b str) -> Counted<'b> {
        Counted(*count, noun)
    }
}

/// Parts of one, the first with a capital.
fn sentence(parts: &[String]) -> Option<String> {
    let all = parts.join("; ");
    let mut characters = all.chars();
    let first = characters.next()?;
    Some(format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

/// How many are left out.
fn beyond(all: usize, shown: usize) -> Option<u64> {
    u64::try_from(all.saturating_sub(shown)).ok().filter(|left| *left > 0)
}

fn extent(report: &Report) -> String {
    let (all, whole) = (report.incidents(), report.whole());
    match (all, whole) {
        (all, whole) if all <= whole => "Details of each are below.".into(),
        (_, 0) => "One line each.".into(),
        (all, whole) => format!(
            "Details of the newest {whole} are below; the other {} have one line each.",
            all - whole
        ),
    }
}
