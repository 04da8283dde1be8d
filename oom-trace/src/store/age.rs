//! How old what is kept is. The wall clock does not tell: it is set, it may be years ahead or stand at
//! 1970, and what was written then stays as it was. A boot's own clock only runs.

use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use rustix::time::{ClockId, clock_gettime};

use crate::incident::model::Origin;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// No wall clock that shows less is right: there was no such store then (2026-01-01).
const EARLIEST_NS: i64 = 1_767_225_600 * 1_000_000_000;

/// The clocks at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Now {
    /// Which boot this is.
    pub(super) boot_id: String,
    /// Since that boot (`CLOCK_BOOTTIME`).
    pub(super) boot_ns: u64,
    /// By the wall clock.
    pub(super) wall: Timestamp,
}

impl Now {
    /// `None` where `/proc` does not tell which boot this is.
    fn here() -> Option<Self> {
        let boot_id = fs::read_to_string(BOOT_ID).ok()?.trim().to_owned();
        let boot = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
        let boot_ns = u64::try_from(boot.as_nanos()).ok()?;
        Some(Self { boot_id, boot_ns, wall: Timestamp::now() })
    }
}

/// What reads the clocks.
pub(super) struct Clocks(Box<dyn Fn() -> Option<Now> + Send>);

impl Clocks {
    pub(super) fn here() -> Self {
        Self(Box::new(Now::here))
    }

    #[cfg(test)]
    pub(super) fn reading(read: impl Fn() -> Now + Send + 'static) -> Self {
        Self(Box::new(move || Some(read())))
    }

    pub(super) fn now(&self) -> Option<Now> {
        (self.0)()
    }
}

impl Debug for Clocks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

/// A boot as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Boot {
    boot: i64,
    /// How long it had run.
    seen_ns: i64,
    /// When it began, by the wall clock as that stood when it was last seen.
    start_ns: Option<i64>,
}

/// Of when what the wall clock says is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// It stands so now: whatever it said before was corrected.
    Now,
    /// It stood so when a record was made.
    Then,
}

/// Which boot a record is of, for its row; made known if it is new.
pub(super) fn boot_of(connection: &Connection, origin: &Origin) -> rusqlite::Result<Option<i64>> {
    let Origin { time, boot_ns: Some(boot_ns), boot_id: Some(boot_id), .. } = origin else {
        return Ok(None);
    };
    let boot_ns = i64::try_from(*boot_ns).unwrap_or(i64::MAX);
    let time = time.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
    let start = time.map(|time| time.saturating_sub(boot_ns));
    see(connection, boot_id, boot_ns, start, Stands::Then).map(Some)
}

/// Notes that this boot still runs, and what the wall clock says to that.
pub(super) fn see_now(connection: &Connection, now: &Now) -> rusqlite::Result<i64> {
    let boot_ns = i64::try_from(now.boot_ns).unwrap_or(i64::MAX);
    let wall = i64::try_from(now.wall.as_nanosecond()).ok();
    let start = wall.map(|wall| wall.saturating_sub(boot_ns));
    see(connection, &now.boot_id, boot_ns, start, Stands::Now)
}

/// Notes that a boot had run so long, and when it began by the wall clock; answers its row.
pub(super) fn see(
    connection: &Connection,
    boot_id: &str,
    seen_ns: i64,
    start_ns: Option<i64>,
    stands: Stands,
) -> rusqlite::Result<i64> {
    let start_ns = start_ns.filter(|start| start.saturating_add(seen_ns) >= EARLIEST_NS);
    let sql = "INSERT INTO boots (boot_id, seen_ns, start_ns) VALUES (?1, ?2, ?3) \
               ON CONFLICT (boot_id) DO UPDATE SET seen_ns = max(seen_ns, excluded.seen_ns), \
               start_ns = CASE WHEN ?4 THEN coalesce(excluded.start_ns, start_ns) \
                               ELSE coalesce(start_ns, excluded.start_ns) END \
               RETURNING boot";
    let mut statement = connection.prepare_cached(sql)?;
    let is_now = stands == Stands::Now;
    statement.query_row(params![boot_id, seen_ns, start_ns, is_now], |row| row.get(0))
}

/// For each boot the moment on its own clock before which all is older than this, if there is one.
///
/// A boot's time counts as far as it was seen to run. The time between two boots is known from the
/// wall clock alone, so it counts up to as long as the later one has run: a clock that is years ahead
/// does not make old what is recent, and a machine that was off does not keep things for ever.
pub(super) fn too_old(
    connection: &Connection,
    now: i64,
    max_age: Duration,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let sql = "SELECT boot, seen_ns, start_ns FROM boots ORDER BY boot = ?1, boot";
    let mut statement = connection.prepare_cached(sql)?;
    let boots = statement.query_map([now], |row| {
        Ok(Boot { boot: row.get(0)?, seen_ns: row.get(1)?, start_ns: row.get(2)? })
    })?;
    let boots: Vec<Boot> = boots.collect::<Result<_, _>>()?;
    let max_age = i64::try_from(max_age.as_nanos()).unwrap_or(i64::MAX);
    Ok(moments(&boots, max_age))
}

fn moments(boots: &[Boot], max_age: i64) -> Vec<(i64, i64)> {
    let mut moments = Vec::new();
    // From the end of a boot to now.
    let mut since_end: i64 = 0;
    let mut later: Option<Boot> = None;
    for boot in boots.iter().rev().copied() {
        if let Some(later) = later {
            let off = off_between(boot, later);
            since_end = since_end.saturating_add(off).saturating_add(later.seen_ns);
        }
        let before = boot.seen_ns.saturating_add(since_end).saturating_sub(max_age);
        if before > 0 {
            moments.push((boot.boot, before));
        }
        later = Some(boot);
    }
    moments
}

fn off_between(boot: Boot, later: Boot) -> i64 {
    let off = boot
        .start_ns
        .zip(later.start_ns)
        .map_or(0, |(start, later)| later.saturating_sub(start.saturating_add(boot.seen_ns)));
    off.clamp(0, later.seen_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn boots(of: &[(i64, Option<i64>)]) -> Vec<Boot> {
        let boot = |(boot, &(seen, start)): (i64, &(i64, Option<i64>))| Boot {
            boot,
            seen_ns: seen * DAY,
            start_ns: start.map(|start| start * DAY),
        };
        (1..).zip(of).map(boot).collect()
    }

    #[test]
    fn a_boots_own_clock_and_what_came_after_it_count() {
        let days = |of: &[_], max_age| -> Vec<(i64, i64)> {
            let found = moments(&boots(of), max_age * DAY);
            found.into_iter().map(|(boot, before)| (boot, before / DAY)).collect()
        };
        assert_eq!(days(&[(5, Some(0))], 10), []);
        assert_eq!(days(&[(15, Some(0))], 10), [(1, 5)]);
        // Off for two days.
        assert_eq!(days(&[(5, Some(0)), (8, Some(7))], 10), [(1, 5)]);
        // Off for a year, as it says: no more than it has run since.
        assert_eq!(days(&[(5, Some(0)), (4, Some(365))], 10), [(1, 3)]);
        assert_eq!(days(&[(5, Some(0)), (1, Some(365))], 10), []);
        // The clock went back, or nobody knows.
        assert_eq!(days(&[(5, Some(0)), (8, Some(-400))], 10), [(1, 3)]);
        assert_eq!(days(&[(5, None), (8, Some(7))], 10), [(1, 3)]);
        assert_eq!(days(&[(3, None), (3, None), (3, None), (3, None)], 10), [(1, 2)]);
    }
}
