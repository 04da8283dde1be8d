//! A table of what was measured, with ratios, goals, and how far a row varies by itself.

use std::cmp::Ordering;
use std::fmt::Write as _;

use anyhow::Result;
use xtask::measure::{Series, Subject};

use super::check::HEAD;
use super::rows::{Held, Row, Unit};

/// What the rounds of a row came to.
#[derive(Debug, Clone, Copy)]
struct Figure {
    /// The median, in the unit of the measurement.
    value: f64,
    /// The median of the rounds' ratios, where a time is held against another's.
    ratio: Option<f64>,
    /// Half the distance between the quartiles of what is held, as a part of its median.
    spread: f64,
}

impl Figure {
    /// What the goal is for, and what the committed page is compared by.
    fn held(&self) -> f64 {
        self.ratio.unwrap_or(self.value)
    }

    fn of(row: &Row, subject: Subject, measured: &[Series]) -> Option<Self> {
        let rounds = |subject| {
            let is_it = |series: &&Series| series.of == row.of && series.subject == subject;
            measured.iter().find(is_it).map(|series| series.rounds.as_slice())
        };
        let own = rounds(subject)?;
        let value = quantile(own, 0.5)?;
        let base = match row.held {
            Held::RatioTo(base) if base != subject => rounds(base),
            _ => None,
        };
        let ratios: Option<Vec<f64>> =
            base.map(|base| own.iter().zip(base).map(|(own, base)| own / base).collect());
        let held = ratios.as_deref().unwrap_or(own);
        let middle = quantile(held, 0.5)?;
        let distance = quantile(held, 0.75)? - quantile(held, 0.25)?;
        let spread = if distance > 0.0 { distance / 2.0 / middle } else { 0.0 };
        Some(Self { value, ratio: ratios.map(|_| middle), spread })
    }

    fn cell(&self, unit: Unit) -> String {
        let ratio = self.ratio.map(|ratio| Unit::Times.show(ratio));
        let percent = 100.0 * self.spread;
        let spread = (percent >= 0.5).then(|| format!("±{percent:.0}%"));
        let notes: Vec<_> = [ratio, spread].into_iter().flatten().collect();
        let value = unit.show(self.value);
        if notes.is_empty() { value } else { format!("{value} ({})", notes.join(", ")) }
    }
}

/// The value below which this part of the values is.
fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    let last = values.len().checked_sub(1)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among a handful"
    )]
    let place = (last as f64 * part).round() as usize;
    values.get(place).copied()
}

/// Ours first, and then the others, by the names they have in the head.
pub(super) fn make(
    rows: &[Row],
    others: &[(Subject, &str)],
    measured: &[Series],
) -> Result<String> {
    let heads: String = others.iter().map(|(_, name)| format!(" {name} |")).collect();
    let mut out = format!("| | oom-trace |{heads}{HEAD}\n");
    writeln!(out, "|---|---:|{}---:|---|", "---:|".repeat(others.len()))?;
    for row in rows {
        let figure = |subject| Figure::of(row, subject, measured);
        let Some(ours) = figure(Subject::OomTrace) else { continue };
        write!(out, "| {} | {} |", row.name, ours.cell(row.unit))?;
        for (subject, _) in others {
            let cell = figure(*subject).map_or_else(|| "–".to_owned(), |it| it.cell(row.unit));
            write!(out, " {cell} |")?;
        }
        let (goal, met) = match row.goal {
            None => ("–".to_owned(), "–"),
            Some(goal) => {
                let unit = if row.held == Held::Value { row.unit } else { Unit::Times };
                let is_met = ours.held() <= goal;
                (format!("≤ {}", unit.show(goal)), if is_met { "yes" } else { "**no**" })
            }
        };
        writeln!(out, " {goal} | {met} |")?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use xtask::measure::Quantity;

    use super::*;
    use crate::bench::rows::{OTHER_TOOLS, TOOLS};

    fn series(of: Quantity, subject: Subject, rounds: &[f64]) -> Series {
        Series { of, subject, rounds: rounds.to_vec() }
    }

    #[test]
    fn a_time_is_judged_by_the_ratios_of_its_rounds() {
        // The machine was slow in the third round, for both.
        let measured = [
            series(Quantity::Start, Subject::OomTrace, &[2e6, 2e6, 9e6]),
            series(Quantity::Start, Subject::Libbpf, &[4e6, 4e6, 18e6]),
        ];
        let table = make(TOOLS, OTHER_TOOLS, &measured).unwrap();
        let row = "| start to attached | 2.00 ms (0.50×) | 4.00 ms (±175%) | – | ≤ 1.00× | yes |\n";
        assert!(table.ends_with(row), "{table}");
    }

    #[test]
    fn a_goal_that_is_missed_is_said() {
        let measured =
            [series(Quantity::Verified, Subject::OomTrace, &[30_001.0, 30_001.0, 30_001.0])];
        let table = make(TOOLS, OTHER_TOOLS, &measured).unwrap();
        assert!(table.ends_with("| 30001 | – | – | ≤ 30000 | **no** |\n"), "{table}");
    }

    #[test]
    fn the_spread_is_of_the_middle_half() {
        let measured = [series(Quantity::Pss, Subject::OomTrace, &[1e6, 2e6, 2e6, 3e6, 90e6])];
        let table = make(TOOLS, OTHER_TOOLS, &measured).unwrap();
        assert!(table.contains("| 1.91 MiB (±25%) |"), "{table}");
    }
}
