//! Spans of time in words: those without an agent, and those of which nobody knows.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::place::on_host;
use super::when::When;
use crate::units::Age;

/// More are not told of one by one.
pub(super) const FEW: usize = 3;

/// A span of time without an agent.
#[derive(Debug)]
pub(super) struct Gap<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// The agent said that it stops; else it ended at some moment of that time.
    pub(super) is_sure: bool,
    /// How many kills the kernel counted in it.
    pub(super) kills: Option<u64>,
}

impl Gap<'_> {
    fn ms(&self) -> u64 {
        ms(self.from, self.until)
    }
}

/// `not from 2026-11-27 08:10:39 to 2026-11-27 08:11:24 (45.1 s)`; of many the longest.
pub(super) fn but(gaps: &[Gap<'_>], is_fleet: bool, zone: &TimeZone) -> Option<String> {
    let longest = gaps.iter().max_by_key(|gap| gap.ms())?;
    let told = |gap: &Gap<'_>| {
        let span = on_host(&span(gap.from, gap.until, zone), gap.host.filter(|_| is_fleet));
        format!("{span} ({})", Age(gap.ms()))
    };
    let is_sure = gaps.iter().all(|gap| gap.is_sure);
    let count = if is_sure { "for" } else { "for up to" };
    Some(match gaps {
        [gap] if is_sure => format!("not {}", told(gap)),
        [gap] => format!("perhaps not {}: it ended without a word", told(gap)),
        some if some.len() <= FEW => {
            let spans: Vec<_> = some.iter().map(told).collect();
            format!("{count} {} gaps: {}", some.len(), spans.join(", "))
        }
        many => format!("{count} {} gaps, the longest {}", many.len(), told(longest)),
    })
}

/// Spans of which the same is said: each, or of many how long they are together, and which is the longest.
pub(super) fn of_spans(spans: &[(Timestamp, Timestamp)], zone: &TimeZone) -> Option<String> {
    let ms = |(from, until): &(Timestamp, Timestamp)| ms(*from, *until);
    let told =
        |it: &(Timestamp, Timestamp)| format!("{} ({})", span(it.0, it.1, zone), Age(ms(it)));
    let longest = spans.iter().max_by_key(|it| ms(it))?;
    Some(match spans {
        few if few.len() <= FEW => few.iter().map(told).collect::<Vec<_>>().join(", "),
        many => format!(
            "in {} spans, together {}, the longest {}",
            many.len(),
            Age(many.iter().map(ms).sum()),
            told(longest)
        ),
    })
}

fn span(from: Timestamp, until: Timestamp, zone: &TimeZone) -> String {
    let second = |time| When { time: Some(time), boot_ns: None, zone };
    format!("from {} to {}", second(from), second(until))
}

fn ms(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0)
}
