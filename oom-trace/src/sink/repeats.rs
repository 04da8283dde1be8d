//! Kills that are told of together.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::units::Age;

/// How many more there were at a place since one was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Records, one at least.
    pub more: u64,
    /// From the record that was told of to the last of these, as the records have it.
    #[serde(rename = "within_ms", serialize_with = "milliseconds")]
    pub within: Duration,
    /// [`super::Place::name`], or that of all places that are not told apart.
    #[serde(rename = "place")]
    pub at: String,
}

/// `17 more in 9m 58s at cgroup /web`.
impl Display for Repeats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} more in {} at {}", self.more, Age(as_ms(self.within)), self.at)
    }
}

fn milliseconds<S: Serializer>(within: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(as_ms(*within))
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
