//! The boots that the store knows, and the kills of each that were told.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row};

use super::super::{StoreError, schema};
use super::Archive;
use crate::incident::model::OomKill;

/// A kill that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The marked thread.
    pub tid: u32,
    /// When, on `CLOCK_BOOTTIME`; for a record of the kernel's log, by that log's clock.
    pub boot_ns: u64,
    /// The stamp of the kernel's own line of it, in microseconds.
    pub log_us: Option<u64>,
    /// How often the kernel counted it.
    pub kills: u32,
}

impl Known {
    /// The kills that a record tells of: those that have no line of their own in the kernel's log
    /// together with the first, and each of the others. Nothing if nobody was killed, or it does not
    /// say when it was.
    pub fn of(kill: &OomKill) -> impl Iterator<Item = Self> + use<> {
        let count = kill.kill_count.unwrap_or(1);
        let lined: Vec<_> =
            kill.killed_again.iter().filter_map(|it| Some((it.tid, Some(it.log_us?)))).collect();
        let others = u32::try_from(lined.len()).unwrap_or(u32::MAX);
        let first = (kill.victim.tid, kill.log_us, count.saturating_sub(others));
        let first = Some(first).filter(|(.., kills)| *kills > 0);
        let lines = first.into_iter().chain(lined.into_iter().map(|(tid, us)| (tid, us, 1)));
        let boot_ns = kill.origin.boot_ns;
        lines.filter_map(move |(tid, log_us, kills)| {
            Some(Self { tid, boot_ns: boot_ns?, log_us, kills })
        })
    }
}

/// What of a boot's kills the store has no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Up to this moment by the boot's clock they were told.
    pub boot_ns: Option<u64>,
    /// And up to this stamp of the kernel's log.
    pub log_us: Option<u64>,
    /// How many kills the kernel counted for them.
    pub kills: u64,
}

/// The kills of a boot that were told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Those that the store has, by thread and time.
    pub kills: Vec<Known>,
    /// Those that it had.
    pub pruned: Pruned,
}

/// A boot that the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSeen {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// When it began, by the wall clock as that stood when it was last seen.
    pub start: Option<Timestamp>,
    /// What the store has let go of.
    pub pruned: Pruned,
    /// Whether it has any record of it that says when it was.
    pub has_records: bool,
}

impl Archive {
    fn with_boots(&mut self) -> Result<(), StoreError> {
        match self.version()? {
            schema::WITH_BOOTS..=schema::VERSION => Ok(()),
            other => Err(StoreError::version(&self.path, other)),
        }
    }

    /// The boots that it knows, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn boots(&mut self) -> Result<Vec<BootSeen>, StoreError> {
        self.with_boots()?;
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        // An id has 36 characters.
        let sql = "SELECT substr(boot_id, 1, 64), start_ns, pruned_ns, pruned_log_us, pruned_kills, \
                   EXISTS (SELECT 1 FROM moments WHERE moments.boot = boots.boot) FROM boots ORDER BY boot";
        let connection = self.connection().map_err(failed)?;
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let seen = |row: &Row<'_>| {
            let start = row.get::<_, Option<i64>>(1)?;
            Ok(BootSeen {
                boot_id: row.get(0)?,
                start: start.and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok()),
                pruned: Pruned { boot_ns: row.get(2)?, log_us: row.get(3)?, kills: row.get(4)? },
                has_records: row.get(5)?,
            })
        };
        let boots = statement.query_map([], seen).map_err(failed)?;
        boots.collect::<Result<_, _>>().map_err(failed)
    }

    /// All kills that say when they were: the boot's id, when in it, in nanoseconds, whether that is sure (the log of
    /// a machine that slept does not count that time), and how often the kernel counted it. Handed out one by one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn each_kill(
        &mut self,
        mut each: impl FnMut(&str, u64, bool, u32),
    ) -> Result<(), StoreError> {
        self.with_boots()?;
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let sql = "SELECT substr(boot_id, 1, 64), boot_ns, \
                   number NOT IN (SELECT number FROM records WHERE time_ns IS NULL), kills \
                   FROM moments JOIN boots USING (boot) WHERE tid IS NOT NULL";
        let connection = self.connection().map_err(failed)?;
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let id: String = row.get(0).map_err(failed)?;
            let has_time = row.get(2).map_err(failed)?;
            each(&id, row.get(1).map_err(failed)?, has_time, row.get(3).map_err(failed)?);
        }
        Ok(())
    }

    /// The kills of a boot, as far as they say when they were by its clock, by thread and time; and
    /// what the store has let go of.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn kills(&mut self, boot_id: &str) -> Result<Told, StoreError> {
        self.with_boots()?;
        let path = self.path.clone();
        let failed = |error| StoreError::sqlite("read", &path, error);
        let connection = self.connection().map_err(failed)?;
        let boot =
            "SELECT boot, pruned_ns, pruned_log_us, pruned_kills FROM boots WHERE boot_id = ?1";
        let boot = connection.query_row(boot, [boot_id], |row| {
            let pruned = Pruned { boot_ns: row.get(1)?, log_us: row.get(2)?, kills: row.get(3)? };
            Ok((row.get::<_, i64>(0)?, pruned))
        });
        let Some((boot, pruned)) = boot.optional().map_err(failed)? else {
            return Ok(Told::default());
        };
        let sql = "SELECT tid, boot_ns, log_us, kills FROM moments \
                   WHERE boot = ?1 AND tid IS NOT NULL ORDER BY tid, boot_ns";
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let known = |row: &Row<'_>| {
            Ok(Known {
                tid: row.get(0)?,
                boot_ns: row.get(1)?,
                log_us: row.get(2)?,
                kills: row.get(3)?,
            })
        };
        let kills = statement.query_map([boot], known).map_err(failed)?;
        let kills = kills.collect::<Result<_, _>>().map_err(failed)?;
        Ok(Told { kills, pruned })
    }
}
