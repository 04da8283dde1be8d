//! Sizes, rates and times as they stand in columns.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};

use crate::units::{Age, Rounded};

/// Less a minute is nothing.
const NOTHING: u64 = 4096;

/// What needs a look now.
pub(super) const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// What may need one soon.
pub(super) const WARNING: Style = Style::new().fg(Color::Yellow);
/// What is there for those who look for it.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// What the eye should find.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

pub(super) fn size(bytes: u64) -> String {
    Rounded(bytes).to_string()
}

/// `+12 MiB`, `-3.0 MiB`, `0`
pub(super) fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { '-' } else { '+' };
    match bytes.unsigned_abs() {
        0 => "0".to_owned(),
        bytes => format!("{sign}{}", Rounded(bytes)),
    }
}

/// Of what grows by less than a page a minute nobody needs to know.
pub(super) fn rate(per_minute: i64) -> String {
    if per_minute.unsigned_abs() < NOTHING { "0".to_owned() } else { signed(per_minute) }
}

/// `now`, `43 s`, `4m 10s`
pub(super) fn left(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match millis {
        0..1000 => "now".to_owned(),
        1000..60_000 => format!("{} s", millis / 1000),
        millis => Age(millis).to_string(),
    }
}

/// Thousandths as percent.
pub(super) fn percent(thousandths: u64) -> String {
    // Less than the whole is not said to be the whole.
    let most = if thousandths < 1000 { 99 } else { u64::MAX };
    format!("{}%", ((thousandths + 5) / 10).min(most))
}

/// Percent of the time.
pub(super) fn stalled(percent: f64) -> String {
    if percent >= 99.95 { "100".to_owned() } else { format!("{percent:.1}") }
}

/// `█████░░░░░`
pub(super) fn bar(thousandths: u64, width: u16) -> (String, String) {
    let width = u64::from(width);
    let full = (thousandths.min(1000) * width + 500) / 1000;
    let some = |count: u64, what: &str| what.repeat(usize::try_from(count).unwrap_or(0));
    (some(full, "█"), some(width - full, "░"))
}

/// How much of something bad.
pub(super) fn grade(value: u64, warning: u64, alarm: u64) -> Style {
    match value {
        value if value >= alarm => ALARM,
        value if value >= warning => WARNING,
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let rates = [0, 4095, -4095, 12 << 20, -(3 << 20)].map(rate);
        assert_eq!(rates, ["0", "0", "0", "+12 MiB", "-3.0 MiB"]);
        let times = [0, 43, 250, 3600].map(|it| left(Duration::from_secs(it)));
        assert_eq!(times, ["now", "43 s", "4m 10s", "1h 0m"]);
        assert_eq!((percent(994), percent(1000)), ("99%".into(), "100%".into()));
        assert_eq!(
            (stalled(0.0), stalled(12.34), stalled(100.0)),
            ("0.0".into(), "12.3".into(), "100".into())
        );
        assert_eq!(bar(500, 4), ("██".into(), "░░".into()));
        assert_eq!(bar(2000, 2), ("██".into(), String::new()));
    }
}
