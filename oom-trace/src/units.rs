//! Sizes and durations as people read them.

use std::fmt::{self, Display, Formatter};

/// Bytes in binary units, one decimal: `24.6 MiB`; `{:#}` leaves out the space.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) u64);

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let space = if f.alternate() { "" } else { " " };
        // 1023.95 would round to "1024.0".
        match scaled(self.0, 1023.95) {
            Some((value, unit)) => write!(f, "{value:.1}{space}{unit}"),
            None => write!(f, "{}{space}B", self.0),
        }
    }
}

/// In the largest unit of which it is no more than `most`; bytes are less than one of any.
fn scaled(bytes: u64, most: f64) -> Option<(f64, &'static str)> {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut found = None;
    for unit in UNITS {
        if value < if found.is_none() { 1024.0 } else { most } {
            break;
        }
        value /= 1024.0;
        found = Some((value, unit));
    }
    found
}

/// Bytes in binary units, for a column: `492 MiB`, with a decimal below ten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rounded(pub(super) u64);

impl Display for Rounded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match scaled(self.0, 1023.5) {
            Some((value, unit)) if value < 9.95 => write!(f, "{value:.1} {unit}"),
            // Two digits tell enough.
            Some((value, unit)) => write!(f, "{value:.0} {unit}"),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// How many hundredths one is of another, to the nearest; `None` of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<u64> {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let percent = (part * 200 + whole).checked_div(whole * 2)?;
    let is_short = part < whole && percent == 100;
    u64::try_from(if is_short { 99 } else { percent }).ok()
}

/// Milliseconds in their two largest units: `4m 10s`, or in one: `1.5 s`, `7 ms`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age(pub(super) u64);

impl Display for Age {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        match (days, hours, minutes, seconds) {
            (1.., ..) => write!(f, "{days}d {}h", hours % 24),
            (_, 1.., ..) => write!(f, "{hours}h {}m", minutes % 60),
            (_, _, 1.., _) => write!(f, "{minutes}m {}s", seconds % 60),
            (_, _, _, 1..) => write!(f, "{seconds}.{} s", self.0 % 1000 / 100),
            _ => write!(f, "{} ms", self.0),
        }
    }
}

/// A moment of which only the time since boot is known, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct SinceBoot(pub(super) u64);

impl Display for SinceBoot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "boot+{}.{:03}s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1000)
    }
}

/// So many of a thing, whose plural ends in an s: `1 record`, `2 records`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'a>(pub(super) u64, pub(super) &'a str);

impl Display for Counted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// Words between which `separator` stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined<'a>(pub(super) &'a [String], pub(super) &'static str);

impl Display for Joined<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(self.1)?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_decimal_and_never_show_1024_of_a_unit() {
        let shown = [0, 1023, 1024, 1_048_575, 536_870_912, u64::MAX].map(|n| Size(n).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "512.0 MiB", "16.0 EiB"]);
        assert_eq!(format!("{:#}", Size(1536)), "1.5KiB");
    }

    #[test]
    fn in_a_column_a_size_has_a_decimal_where_it_tells_something() {
        let shown = [5, 10 << 20, (9 << 20) + 524_288, 516_000_000].map(|n| Rounded(n).to_string());
        assert_eq!(shown, ["5 B", "10 MiB", "9.5 MiB", "492 MiB"]);
        // 23.9 MiB, 9.96 MiB, 1023.6 MiB, 1023 B
        let shown = [25_060_966, 10_443_817, 1_073_322_394, 1023].map(|n| Rounded(n).to_string());
        assert_eq!(shown, ["24 MiB", "10 MiB", "1.0 GiB", "1023 B"]);
    }

    #[test]
    fn percents_are_rounded() {
        assert_eq!(
            (percent(897, 1000), percent(894, 1000), percent(1, 0)),
            (Some(90), Some(89), None)
        );
        assert_eq!(percent(u64::MAX, u64::MAX), Some(100));
        assert_eq!(percent(999, 1000), Some(99), "less than the whole");
    }

    #[test]
    fn ages_show_two_units() {
        let shown = [7, 1500, 250_000, 3_600_000, 90_000_000].map(|ms| Age(ms).to_string());
        assert_eq!(shown, ["7 ms", "1.5 s", "4m 10s", "1h 0m", "1d 1h"]);
    }
}
