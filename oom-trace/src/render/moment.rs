//! When something happened, for people.

use std::fmt::{self, Display, Formatter};

use crate::incident::model::Origin;

/// The wall-clock time; where a log does not tell it, the time since boot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a>(pub(super) &'a Origin);

/// To the second; with `{:#}` in one word, to the millisecond.
impl Display for Moment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Origin { time, boot_ns, .. } = self.0;
        match (time, boot_ns) {
            (Some(time), _) if f.alternate() => write!(f, "{time:.3}"),
            (Some(time), _) => write!(f, "{} UTC", time.strftime("%F %T")),
            (None, Some(ns)) => {
                write!(f, "boot+{}.{:03}s", ns / 1_000_000_000, ns / 1_000_000 % 1000)
            }
            (None, None) if f.alternate() => f.write_str("-"),
            (None, None) => f.write_str("at an unknown time"),
        }
    }
}
