//! How long each part of a long run takes, said at its end.

use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sh::say;

/// What `.ci/run` did before there was anybody to count: `NAME=SECONDS`.
const BEFORE: &str = "XTASK_BEFORE";

/// All that was done so far, in the order of their ends. Guests and builds are far down, and on several
/// threads.
static PARTS: Mutex<Vec<Part>> = Mutex::new(Vec::new());

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    time: Duration,
}

/// A part that is being done, until this is dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    name: String,
    begun: Instant,
}

impl Timer {
    pub(crate) fn start(name: impl Into<String>) -> Self {
        Self { name: name.into(), begun: Instant::now() }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let part = Part { name: std::mem::take(&mut self.name), time: self.begun.elapsed() };
        PARTS.lock().unwrap_or_else(PoisonError::into_inner).push(part);
    }
}

/// Prints all parts and how long it took from `begun` on.
pub(crate) fn tell(begun: Instant) {
    let before = env::var(BEFORE).ok().and_then(|text| {
        let (name, seconds) = text.split_once('=')?;
        Some(Part { name: name.to_owned(), time: Duration::from_secs(seconds.parse().ok()?) })
    });
    let whole = begun.elapsed() + before.as_ref().map_or(Duration::ZERO, |part| part.time);
    let parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
    let parts: Vec<_> = before.iter().chain(&*parts).collect();
    say(table(&parts, whole));
}

fn table(parts: &[&Part], whole: Duration) -> String {
    let mut text = String::from("minutes\n");
    for Part { name, time } in parts {
        text.push_str(&row(name, *time));
    }
    text.push_str(&row("all, some of it at the same time", whole));
    text
}

fn row(name: &str, time: Duration) -> String {
    format!("{:>7.1}  {name}\n", time.as_secs_f64() / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_in_minutes() {
        let part = |name: &str, seconds| Part {
            name: name.to_owned(),
            time: Duration::from_secs(seconds),
        };
        let parts = [part("guest 6.12/plain", 90), part("build", 6)];
        let table = table(&parts.each_ref(), Duration::from_secs(600));
        assert_eq!(
            table,
            "minutes\n    1.5  guest 6.12/plain\n    0.1  build\n   10.0  all, some of it at the \
             same time\n"
        );
    }
}
