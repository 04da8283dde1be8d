//! What pstore kept of earlier boots: kills that nobody saved before the machine went down, and the panic that
//! took it down.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::Ended;
use super::matching::{Logged, missing};
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::{Record, Source};
use crate::kernel_log::pstore::{Dump, dumps, last_stamp};
use crate::kernel_log::reader::{Zone, read};
use crate::kernel_log::{Machine, Parser};
use crate::say::say;
use crate::store::{Archive, BootSeen};

/// As long as systemd keeps its copies. An older one may be of what the store has let go of.
const MOST_AGE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// By how much the beginning of a boot may differ by what the store knows and by the dump, whose clock
/// has whole seconds.
const APART: Duration = Duration::from_secs(10);

/// Hands on what the store lacks, oldest first. What cannot be read is said, and is no error.
pub(super) fn lacking(
    places: &[&Path],
    host: &Host,
    archive: &mut Archive,
    clock: Clock,
    mut each: impl FnMut(Record) -> Result<(), Ended>,
) -> Result<(), Ended> {
    let dumps = dumps(places.iter().copied());
    let dumps = dumps.unwrap_or_else(|error| {
        say(format_args!("cannot read what pstore kept of earlier boots: {error}"));
        Vec::new()
    });
    let begun = clock.wall(0);
    let oldest = clock.wall(clock.boot_ns()) - MOST_AGE;
    for dump in dumps {
        // This boot's own, after an oops that it survived, is in its log.
        if dump.written.is_some_and(|written| written >= begun || written < oldest) {
            continue;
        }
        match dump.text() {
            Ok(text) => {
                Earlier::of(&dump, &text, archive)?.lacking(&text, host, archive, &mut each)?;
            }
            Err(error) => say(format_args!("cannot read what pstore kept: {error}")),
        }
    }
    Ok(())
}

/// The boot that a dump is of.
struct Earlier {
    /// By the wall clock, as far as the dump tells.
    start: Option<Timestamp>,
    /// `None` where the store does not know it.
    boot_id: Option<String>,
}

impl Earlier {
    fn of(dump: &Dump, text: &[u8], archive: &mut Archive) -> Result<Self, Ended> {
        let start = dump.written.zip(last_stamp(text)).map(|(written, stamp)| written - stamp);
        let apart = |seen: &BootSeen| {
            let apart = seen.start?.duration_since(start?).unsigned_abs();
            (apart <= APART).then_some(apart)
        };
        let boots = archive.boots()?;
        let near = boots.iter().filter_map(|seen| Some((apart(seen)?, seen)));
        let nearest = near.min_by_key(|(apart, _)| *apart);
        Ok(Self { start, boot_id: nearest.map(|(_, seen)| seen.boot_id.clone()) })
    }

    fn lacking(
        &self,
        text: &[u8],
        host: &Host,
        archive: &mut Archive,
        each: &mut impl FnMut(Record) -> Result<(), Ended>,
    ) -> Result<(), Ended> {
        let records = self.records(text, host);
        let told = match &self.boot_id {
            Some(boot_id) => archive.kills(boot_id)?,
            None => crate::store::Told::default(),
        };
        let logged = records.iter().filter_map(|record| record.kill().and_then(Logged::of));
        let missing = missing(logged, told, 0);
        let missing: HashSet<_> = missing.iter().map(Logged::key).collect();
        for record in records {
            let is_lacking = match &record {
                Record::OomKill(kill) => {
                    Logged::of(kill).is_none_or(|logged| missing.contains(&logged.key()))
                }
                Record::OomPanic(_) => match &self.boot_id {
                    Some(boot_id) => !archive.has_panic_of(boot_id)?,
                    None => true,
                },
                Record::OomFailed(_) => true,
                Record::UserKill(_) | Record::OomExit(_) | Record::Agent(_) => false,
            };
            if is_lacking && !archive.has(&record.id())? {
                each(record)?;
            }
        }
        Ok(())
    }

    fn records(&self, text: &[u8], host: &Host) -> Vec<Record> {
        let machine = Machine {
            host: Some(host.name.clone()),
            boot_id: self.boot_id.clone(),
            ..Machine::default()
        };
        let (mut records, zone) = (Vec::new(), Zone::here(Timestamp::now()));
        let take = |record: Record| -> io::Result<()> {
            records.push(self.told(record));
            Ok(())
        };
        // It is in memory.
        let _ = read(text, Parser::new(machine), &zone, take);
        records
    }

    /// As it is told: with its time, and where it is from.
    fn told(&self, mut record: Record) -> Record {
        let origin = record.origin_mut();
        if let (None, Some(start), Some(boot_ns)) = (origin.time, self.start, origin.boot_ns) {
            origin.time = Some(start + Duration::from_nanos(boot_ns));
        }
        match &mut record {
            Record::OomKill(kill) => {
                kill.source = Source::Pstore;
                kill.backfilled = true;
            }
            Record::OomPanic(panic) => panic.source = Source::Pstore,
            Record::OomFailed(failed) => failed.source = Source::Pstore,
            Record::UserKill(_) | Record::OomExit(_) | Record::Agent(_) => {}
        }
        record
    }
}

#[cfg(test)]
mod tests;
