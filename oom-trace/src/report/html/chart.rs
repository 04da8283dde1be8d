//! Kills over time.

use super::super::summary::Report;
use super::super::timeline::Timeline;

/// More bars could not be told apart on a phone.
const BARS: usize = 120;

/// Of ten units that a bar is wide, so many are drawn.
const STEP: usize = 10;
const WIDTH: usize = 8;

/// As SVG draws it, in a box a hundred units high.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) unit: String,
    pub(super) label: String,
    pub(super) width: usize,
    pub(super) bar_width: usize,
    pub(super) bars: Vec<Column>,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) most: String,
    pub(super) highest: u64,
    pub(super) has_others: bool,
}

/// One bar: kills at a limit, and the others upon them.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) start: String,
    pub(super) title: String,
    pub(super) limit: u64,
    pub(super) others: u64,
    pub(super) x: usize,
    pub(super) limit_y: f64,
    pub(super) limit_height: f64,
    pub(super) others_y: f64,
    pub(super) others_height: f64,
}

/// `None` if there is no more than one bar.
pub(super) fn chart(report: &Report) -> Option<Chart> {
    let timeline = report.timeline(BARS)?;
    let Timeline { bars, .. } = &timeline;
    let [first, .., last] = bars.as_slice() else { return None };
    let highest = timeline.highest()?;
    let unit = timeline.unit();
    let (first, last) = (timeline.label(first), timeline.label(last));
    let most = format!("most: {} on {}", highest.sum(), timeline.label(highest));
    let whole = highest.sum().max(1) as f64;
    let height = |count: u64| (count as f64 / whole * 1000.0).round() / 10.0;
    let columns = bars.iter().enumerate().map(|(index, bar)| {
        let (limit_height, others_height) = (height(bar.limit), height(bar.others));
        let start = timeline.label(bar);
        Column {
            title: format!("{start}: {}", bar.sum()),
            start,
            limit: bar.limit,
            others: bar.others,
            x: index * STEP + (STEP - WIDTH) / 2,
            limit_y: 100.0 - limit_height,
            limit_height,
            others_y: 100.0 - limit_height - others_height,
            others_height,
        }
    });
    Some(Chart {
        highest: highest.sum(),
        label: format!("Kills per {unit} from {first} to {last}, {most}"),
        width: bars.len() * STEP,
        bar_width: WIDTH,
        bars: columns.collect(),
        has_others: bars.iter().any(|bar| bar.others > 0),
        unit,
        first,
        last,
        most,
    })
}
