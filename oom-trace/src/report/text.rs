//! The report on a terminal: how often and when, what to do first, what comes again and again, who it
//! was, and whether the memory came back.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style as Ansi;

use super::back::Recovery;
use super::group::Group;
use super::headline::{headline, more};
use super::place::{escaped, on_host, short};
use super::repeat::{Repeat, Trend};
use super::summary::{self, Notes, Report, Todo};
use super::timeline::Timeline;
use super::when::When;
use crate::render::{Style, wrapped};
use crate::units::{Age, Counted, Size};

/// So many things to do, places and names are shown.
const TODO: usize = 5;
const ROWS: usize = 10;
const NAMES: usize = 5;

/// Advice in so many lines.
const HINTS: usize = 2;

/// What comes back sooner, in milliseconds, is started anew by something.
const SOON_MS: u64 = 10 * 60 * 1000;

/// Columns of the longest bar of a count.
const BAR: u64 = 20;

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Columns of a date to the minute.
const DATE: usize = 16;

/// Columns of what says how intervals go.
const INTERVAL: usize = 32;

/// The lower part of a column, by eighths.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a report says where no name is known.
const UNKNOWN: &str = "unknown";

/// Writes it.
///
/// # Errors
/// It cannot be written.
pub fn render(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    let strong = if style.color { Ansi::new().bold() } else { Ansi::new() };
    let mut page = Page { out, columns: style.width, width: style.width.into(), strong };
    page.headline(report)?;
    page.timeline(report)?;
    page.todo(report)?;
    page.repeats(report)?;
    for group in &report.groups {
        page.group(group)?;
    }
    page.recovery(report.recovery)?;
    page.notes(&report.notes)
}

struct Page<'a, W> {
    out: &'a mut W,
    columns: u16,
    width: usize,
    strong: Ansi,
}

impl<W: Write> Page<'_, W> {
    fn title(&mut self, title: &str) -> io::Result<()> {
        let strong = self.strong;
        writeln!(self.out, "\n{strong}{title}{strong:#}")
    }

    fn headline(&mut self, report: &Report) -> io::Result<()> {
        let strong = self.strong;
        writeln!(self.out, "{strong}{}{strong:#}", headline(report))?;
        let more = more(report);
        if !more.is_empty() {
            self.wrapped("", &more.join("; "))?;
        }
        match report.notes.coverage.told(&report.zone) {
            Some(told) => self.wrapped("", &told),
            None => Ok(()),
        }
    }

    fn timeline(&mut self, report: &Report) -> io::Result<()> {
        let Some(timeline) = report.timeline(self.width.saturating_sub(2)) else { return Ok(()) };
        let [_, _, ..] = timeline.bars.as_slice() else { return Ok(()) };
        let Some(highest) = timeline.highest() else { return Ok(()) };
        let most = format!("most: {} on {}", highest.sum(), timeline.label(highest));
        self.title(&format!("Kills per {} ({most})", timeline.unit()))?;
        writeln!(self.out, "  {}", sparkline(&timeline))?;
        if let (Some(first), Some(last)) = (timeline.bars.first(), timeline.bars.last()) {
            let (first, last) = (timeline.label(first), timeline.label(last));
            let gap = timeline.bars.len().saturating_sub(first.len() + last.len());
            if gap > 0 {
                writeln!(self.out, "  {first}{:gap$}{last}", "")?;
            } else {
                writeln!(self.out, "  {first} to {last}")?;
            }
        }
        Ok(())
    }

    fn todo(&mut self, report: &Report) -> io::Result<()> {
        if report.todo.is_empty() {
            return Ok(());
        }
        self.title("What to do first")?;
        for todo in report.todo.iter().take(TODO) {
            let Todo { place, why, alike } = todo;
            writeln!(self.out, "  {}", of_place(place, report))?;
            self.wrapped("     ", &escaped(&why.summary))?;
            for (index, hint) in why.hints.iter().take(HINTS).enumerate() {
                let label = if index == 0 { "     try  " } else { "          " };
                self.wrapped(label, &escaped(hint))?;
            }
            if let Some(meanwhile) = meanwhile(place) {
                self.wrapped("          ", &meanwhile)?;
            }
            if *alike > 0 {
                let others = Counted(*alike, "other place");
                writeln!(self.out, "     the same is true of {others}")?;
            }
        }
        let all = report.todo.len() + report.more_todo;
        match all.saturating_sub(TODO) {
            0 => Ok(()),
            more if report.more_todo == 0 => {
                writeln!(self.out, "  and {more} more: --html FILE writes a page with all")
            }
            more => writeln!(
                self.out,
                "  and {more} more: --html FILE writes a page with {}",
                summary::TODO
            ),
        }
    }

    /// A paragraph behind a label, in lines as long as there is room for.
    fn wrapped(&mut self, label: &str, text: &str) -> io::Result<()> {
        let indent = label.chars().count();
        writeln!(self.out, "{}", wrapped(&format!("{label}{text}"), indent, self.columns))
    }

    fn repeats(&mut self, report: &Report) -> io::Result<()> {
        if report.repeats.is_empty() {
            return Ok(());
        }
        self.title("Killed again and again")?;
        let shown = report.repeats.iter().take(ROWS);
        let host = |repeat: &Repeat| repeat.host.clone().filter(|_| report.is_fleet());
        let names: Vec<_> = shown.clone().map(|it| on_host(&it.who, host(it).as_deref())).collect();
        let room = self.width.saturating_sub(2 + 7 + 2 + DATE + 2 + INTERVAL);
        let names: Vec<_> = names.iter().map(|name| short(name, room.max(20))).collect();
        let wide = longest(&names);
        writeln!(self.out, "  {:wide$}  {:>5}  {:DATE$}  median interval", "", "kills", "last")?;
        for (repeat, name) in shown.zip(&names) {
            let last = When { time: repeat.last, boot_ns: None, zone: &report.zone };
            let (times, last) = (repeat.times, format!("{last:#}"));
            let name = pad(name, wide);
            let mut interval = interval(repeat);
            // Of what happens in hours the last says enough.
            if let (None, Some(DAY_MS..), Some(first)) =
                (repeat.trend, repeat.interval_ms, repeat.first)
            {
                let first = first.to_zoned(report.zone.clone()).date();
                let _ = write!(interval, " since {first}");
            }
            writeln!(self.out, "  {name}  {times:>5}  {last:DATE$}  {interval}")?;
        }
        self.more(report.repeats.len(), ROWS)
    }

    fn group(&mut self, group: &Group) -> io::Result<()> {
        self.title(&format!("By {}", group.by.name()))?;
        let most = group.rows.first().map_or(1, |(_, count)| (*count).max(1));
        let digits = most.to_string().len();
        let bar = usize::try_from(BAR).unwrap_or(0);
        let room = self.width.saturating_sub(2 + digits + 2 + bar + 2).max(20);
        for (name, count) in group.rows.iter().take(NAMES) {
            let long = usize::try_from((count * BAR).div_ceil(most)).unwrap_or(0);
            // Not all of the line's height: bars below each other would be one block.
            let bar = pad(&"▇".repeat(long), bar);
            writeln!(self.out, "  {count:>digits$}  {bar}  {}", short(name, room))?;
        }
        self.more(group.rows.len(), NAMES)
    }

    fn more(&mut self, all: usize, shown: usize) -> io::Result<()> {
        match all.saturating_sub(shown) {
            0 => Ok(()),
            1 => writeln!(self.out, "  and 1 other"),
            more => writeln!(self.out, "  and {more} others"),
        }
    }

    fn recovery(&mut self, recovery: Recovery) -> io::Result<()> {
        let Some(told) = recovery.told() else { return Ok(()) };
        self.title("Until the memory was back")?;
        self.wrapped("  ", &told)
    }

    fn notes(&mut self, notes: &Notes) -> io::Result<()> {
        let notes = noted(notes);
        if !notes.is_empty() {
            self.title("Caveats")?;
        }
        for note in notes {
            self.wrapped("  ", &note)?;
        }
        Ok(())
    }
}

/// `shop/cart-0 on node7: 17 kills, the last at 2026-11-26 03:08`
pub(super) fn of_place(place: &Repeat, report: &Report) -> String {
    let host = place.host.as_deref().filter(|_| report.is_fleet());
    let when = When { time: place.last, boot_ns: None, zone: &report.zone };
    let name = on_host(&place.who, host);
    match (place.times, place.last) {
        (1, None) => format!("{name}: 1 kill"),
        (1, Some(_)) => format!("{name}: 1 kill at {when:#}"),
        (times, None) => format!("{name}: {times} kills"),
        (times, Some(_)) => format!("{name}: {times} kills, the last at {when:#}"),
    }
}

/// `6h 2m → 1h 58m, getting worse`; of few kills `6h 2m`.
pub(super) fn interval(repeat: &Repeat) -> String {
    match (repeat.trend, repeat.interval_ms) {
        (Some(Trend { from_ms, to_ms, direction }), _) => {
            format!("{} → {}, {}", Age(from_ms), Age(to_ms), direction.name())
        }
        (None, Some(ms)) => Age(ms).to_string(),
        (None, None) => UNKNOWN.into(),
    }
}

/// What to do until the cause is found, about what is killed again as soon as it is back.
pub(super) fn meanwhile(repeat: &Repeat) -> Option<String> {
    let ms = repeat.interval_ms.filter(|ms| repeat.times > 2 && *ms < SOON_MS)?;
    Some(format!("until then, stop what starts it again: its kills were about {} apart", Age(ms)))
}

/// What makes the numbers less than sure.
pub(super) fn noted(notes: &Notes) -> Vec<String> {
    let Notes { gaps, gap, guessed, timeless, ends, .. } = notes;
    let mut all = Vec::new();
    if let (1.., Some(gap)) = (*gaps, gap) {
        let times = if *gaps == 1 { "once" } else { "more than once; the last time" };
        all.push(format!("The agent missed kills {times}: {}", escaped(gap)));
    }
    let mut add = |count: usize, one: &str, more: &str| match count {
        0 => {}
        1 => all.push(one.to_owned()),
        count => all.push(more.replace('#', &count.to_string())),
    };
    add(
        *guessed,
        "The log tells the time of one kill only in part; the rest is a guess.",
        "The log tells the time of # kills only in part; the rest is a guess.",
    );
    add(
        *timeless,
        "One kill has no time of day: it is counted, but on no day.",
        "# kills have no time of day: they are counted, but on no day.",
    );
    add(
        *ends,
        "One more process was killed; the log has only its end, so it is not counted.",
        "# more processes were killed; the log has only their end, so they are not counted.",
    );
    all
}

fn sparkline(timeline: &Timeline) -> String {
    let highest = timeline.highest().map_or(1, |bar| bar.sum().max(1));
    let column = |count: u64| match count {
        0 => ' ',
        count => {
            let eighths = (count * 8).div_ceil(highest).clamp(1, 8);
            usize::try_from(eighths - 1).ok().and_then(|at| EIGHTHS.get(at)).copied().unwrap_or('█')
        }
    };
    timeline.bars.iter().map(|bar| column(bar.sum())).collect()
}

fn longest(texts: &[String]) -> usize {
    texts.iter().map(|text| text.chars().count()).max().unwrap_or(0)
}

/// `{:width$}` counts characters, too, but says so less plainly.
fn pad(text: &str, width: usize) -> String {
    format!("{text:width$}")
}

/// The size of something, where it is known.
pub(super) fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| Size(bytes).to_string())
}
