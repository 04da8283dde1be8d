//! Whether a page's rows got worse than the committed page's.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context as _, Result, bail};

use super::rows::{self, Held, Row};

/// A row may get worse by this part of it.
const ALLOWED: f64 = 0.1;

/// How the head of a table with goals ends.
pub(super) const HEAD: &str = " goal | met |";

/// What a page says of a row of ours.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    held: f64,
    /// The word after the number.
    unit: String,
    /// How far it varies by itself, as a part of it.
    spread: f64,
}

/// How a row compares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    row: &'static str,
    old: Option<Figure>,
    new: Option<Figure>,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Good,
    /// It varies by itself so much that the difference shows nothing.
    Unsure,
    Worse,
}

impl Verdict {
    #[cfg(test)]
    pub(super) fn is_measured(&self) -> bool {
        self.old.is_some() && self.new.is_some()
    }

    pub(super) fn is_worse(&self) -> bool {
        self.judge() == Judgement::Worse
    }

    fn judge(&self) -> Judgement {
        match (&self.old, &self.new) {
            // What is not measured may be anything.
            (_, None) => Judgement::Worse,
            // Nothing to compare with.
            (None, Some(_)) => Judgement::Good,
            (Some(old), Some(new)) => {
                if new.held <= old.held * (1.0 + ALLOWED) {
                    Judgement::Good
                } else if new.held <= old.held * (1.0 + self.margin()) {
                    Judgement::Unsure
                } else {
                    Judgement::Worse
                }
            }
        }
    }

    /// By how much it must have got worse for that to say something: a row that varies by more than is
    /// allowed has that on top.
    fn margin(&self) -> f64 {
        let spreads = [&self.old, &self.new].into_iter().flatten().map(|figure| figure.spread);
        let spread = spreads.fold(0.0, f64::max);
        if spread > ALLOWED { ALLOWED + spread } else { ALLOWED }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = match self.judge() {
            Judgement::Good => "ok",
            Judgement::Unsure => "unsure",
            Judgement::Worse => "WORSE",
        };
        write!(f, "{word:<6} {}: ", self.row)?;
        match (&self.old, &self.new) {
            (None, None) => write!(f, "not measured")?,
            (None, Some(new)) => write!(f, "{new}, new")?,
            (Some(old), None) => write!(f, "{old} → not measured")?,
            (Some(old), Some(new)) => {
                write!(f, "{old} → {new}")?;
                if old.held > 0.0 {
                    write!(f, " ({:+.0}%)", 100.0 * (new.held / old.held - 1.0))?;
                }
            }
        }
        if self.margin() > ALLOWED {
            let margin = 100.0 * self.margin();
            write!(f, "; varies by itself, so that only +{margin:.0}% would say something")?;
        }
        Ok(())
    }
}

impl Display for Figure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { held, unit, spread: _ } = self;
        match unit.as_str() {
            "" => write!(f, "{held}"),
            "×" => write!(f, "{held:.2}×"),
            unit => write!(f, "{held} {unit}"),
        }
    }
}

/// Compares row by row.
pub(super) fn compare(old: &str, new: &str) -> Result<Vec<Verdict>> {
    if let Some(name) = unknown(old) {
        bail!("the committed page has a row {name:?} that is not measured: commit a fresh page");
    }
    let mut verdicts = Vec::new();
    for row in rows::all() {
        let old = find(row, old).context("in the committed page")?;
        let new = find(row, new).context("in the fresh page")?;
        if let (Some(old), Some(new)) = (&old, &new)
            && old.unit != new.unit
        {
            bail!("{}: {old} is not compared with {new}: commit a fresh page", row.name);
        }
        verdicts.push(Verdict { row: row.name, old, new });
    }
    if verdicts.iter().all(|verdict| verdict.old.is_none()) {
        bail!("the committed page has none of the rows: commit a fresh one");
    }
    Ok(verdicts)
}

/// The first row of the page's tables with goals that is none of ours: renamed or taken away, it would be
/// compared no more.
fn unknown(page: &str) -> Option<String> {
    let mut is_ours = false;
    for line in page.lines() {
        is_ours = line.starts_with('|') && (is_ours || line.ends_with(HEAD));
        let name = cells(line).first().cloned().unwrap_or_default();
        let is_row = is_ours && !line.ends_with(HEAD) && !line.starts_with("|---");
        if is_row && rows::all().all(|row| row.name != name) {
            return Some(name);
        }
    }
    None
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
}

/// Our own figure in the row; `None` without such a row, or such a figure.
fn find(row: &Row, page: &str) -> Result<Option<Figure>> {
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        if let [name, ours, ..] = cells(line).as_slice()
            && name == row.name
        {
            return figure(row.held, ours).with_context(|| format!("{name}: {ours:?}"));
        }
    }
    Ok(None)
}

/// `2132.2 ms (7.06×, ±3%)`, with or without what is in parentheses.
fn figure(held: Held, cell: &str) -> Result<Option<Figure>> {
    if cell == "–" {
        return Ok(None);
    }
    let (value, notes) = cell.split_once(" (").unwrap_or((cell, ""));
    let notes: Vec<_> = notes.trim_end_matches(')').split(", ").collect();
    let spread = notes.iter().find_map(|note| note.strip_prefix('±')?.strip_suffix('%'));
    let spread = spread.map_or(Ok(0.0), str::parse::<f64>).context("no spread")? / 100.0;
    let ratio = notes.iter().find(|note| note.ends_with('×'));
    let shown = match held {
        Held::Value => value,
        // Without the other tool's time there is nothing that another machine could be held to.
        Held::RatioTo(_) => match ratio {
            Some(ratio) => ratio,
            None => return Ok(None),
        },
    };
    let end = shown.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(shown.len());
    let (number, unit) = shown.split_at(end);
    let held = number.parse().context("no number")?;
    Ok(Some(Figure { held, unit: unit.trim().to_owned(), spread }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# Benchmarks

| | oom-trace | oomkill of libbpf-tools, in C | oomkill.bt of bpftrace | goal | met |
|---|---:|---:|---:|---:|---|
| start to attached | 2132.20 ms (7.06×, ±3%) | 302.01 ms (±2%) | 2831.70 ms (9.38×) | ≤ 1.00× | **no** |
| memory, idle: PSS | 6.20 MiB | 2.70 MiB | 97.60 MiB | ≤ 4.20 MiB | **no** |
| hook to line, pipe | 6.80 ms (2.96×, ±20%) | – | 2.30 ms (±4%) | ≤ 1.00× | **no** |
| verified instructions | 47183 | 1200 | 900 | ≤ 30000 | **no** |
| wake-ups in 2 s idle | 0 | 20 | 20 | ≤ 0 | yes |
";

    fn worse(from: &str, to: &str) -> Vec<String> {
        assert!(PAGE.contains(from), "{from}");
        let verdicts = compare(PAGE, &PAGE.replace(from, to)).unwrap();
        // This page has not all rows.
        let has = |verdict: &Verdict| verdict.old.is_some() || verdict.new.is_some();
        let worse = verdicts.into_iter().filter(|verdict| has(verdict) && verdict.is_worse());
        worse.map(|verdict| verdict.to_string()).collect()
    }

    #[test]
    fn a_page_is_no_worse_than_itself() {
        assert_eq!(worse("# Benchmarks", "# Benchmarks"), Vec::<String>::new());
    }

    #[test]
    fn more_than_a_tenth_is_worse() {
        assert_eq!(worse("47183", "51901"), Vec::<String>::new());
        assert_eq!(worse("47183", "51902"), ["WORSE  verified instructions: 47183 → 51902 (+10%)"]);
        assert_eq!(worse("6.20 MiB", "6.90 MiB").len(), 1);
        assert_eq!(worse("| 0 | 20", "| 1 | 20").len(), 1);
    }

    #[test]
    fn a_time_is_compared_by_its_ratio_alone() {
        assert_eq!(worse("2132.20 ms", "9999.00 ms"), Vec::<String>::new());
        assert_eq!(
            worse("(7.06×, ±3%)", "(8.00×, ±3%)"),
            ["WORSE  start to attached: 7.06× → 8.00× (+13%)"]
        );
    }

    #[test]
    fn a_row_that_varies_by_itself_is_reported_and_fails_beyond_that_only() {
        let fresh = PAGE.replace("2.96×", "3.60×");
        let verdicts = compare(PAGE, &fresh).unwrap();
        let line = verdicts.iter().find(|verdict| verdict.row == "hook to line, pipe").unwrap();
        assert!(!line.is_worse());
        assert_eq!(
            line.to_string(),
            "unsure hook to line, pipe: 2.96× → 3.60× (+22%); varies by itself, so that only \
             +30% would say something"
        );
        assert_eq!(worse("2.96×", "3.90×").len(), 1);
    }

    #[test]
    fn what_is_not_measured_is_worse() {
        assert!(compare(PAGE, PAGE).unwrap().iter().any(Verdict::is_worse), "the other rows");
        assert_eq!(
            worse("| 47183 |", "| – |"),
            ["WORSE  verified instructions: 47183 → not measured"]
        );
        assert_eq!(worse("| verified instructions", "| instructions").len(), 1);
        assert_eq!(worse("(7.06×, ±3%)", "(±3%)").len(), 1);
        let renamed = PAGE.replace("| verified instructions", "| instructions");
        let err = compare(&renamed, PAGE).unwrap_err().to_string();
        assert!(err.contains("\"instructions\""), "{err}");
    }

    #[test]
    fn a_row_is_not_compared_in_two_units() {
        compare(PAGE, &PAGE.replace("6.20 MiB", "6.20 KiB")).unwrap_err();
        compare("# Benchmarks\n", PAGE).unwrap_err();
    }
}
