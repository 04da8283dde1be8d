//! The flags that ask for a part of the time that was asked for.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use crate::render::time;

/// From a moment to another.
type Span = (Timestamp, Timestamp);

/// `--since "2026-11-28 08:01:03 UTC"`, or both, as they are typed; empty where the part is the whole.
pub(super) fn flags((since, until): Span, part: Span) -> String {
    let mut flags = Vec::new();
    if part.0 > since {
        flags.push(format!("--since {:?}", time(whole_second(part))));
    }
    if part.1 < until {
        flags.push(format!("--until {:?}", time(part.1)));
    }
    flags.join(" ")
}

/// The first whole second of a span: who asks for what is shown must not ask for what is before it.
pub(super) fn whole_second((from, until): Span) -> Timestamp {
    let rounded = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil);
    from.round(rounded).ok().filter(|second| *second <= until).unwrap_or(from)
}
