//! Records as they come: those that the service saves, or what the kernel logs.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};

use super::Selection;
use super::here::ThisBoot;
use super::taker::Taker;
use crate::enrich::host::Host;
use crate::files::{STORE, is_begun_by};
use crate::incident::model::Record;
use crate::kernel_log::device::{Device, Taken};
use crate::kernel_log::this_boot::{self, Part};
use crate::kernel_log::{Entry, Parser, Stamp};
use crate::store::{Archive, BATCH_BYTES};

/// Between two looks: a person waits.
const PAUSE: Duration = Duration::from_millis(500);

/// Records that are read at once.
const BATCH: usize = 256;

/// Greater than the number of any record.
const END: u64 = 1 << 62;

/// A record that was read before and is younger than this may come once more.
const RECENT: SignedDuration = SignedDuration::from_mins(2);

/// Where records come from.
enum Source {
    Store { archive: Archive, next: u64 },
    Log { device: Box<Device>, parser: Box<Parser> },
}

/// Waits for records.
pub(crate) struct Follower {
    source: Source,
    begun: Timestamp,
    seen: HashSet<String>,
}

impl Follower {
    /// From now on: what is read after this and comes again is to be [noted](Self::note).
    ///
    /// # Errors
    /// What is selected does not grow, or cannot be read.
    pub(crate) fn new(selection: &Selection) -> anyhow::Result<Self> {
        match selection.files.as_slice() {
            [] => Self::of_log(),
            [path] if is_begun_by(path, STORE) => Self::of_store(path),
            _ => bail!(
                "--follow needs one agent's store or the running kernel's log (--log); it cannot \
                 follow other files, or several"
            ),
        }
    }

    /// From now on, of a store.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of_store(path: &Path) -> anyhow::Result<Self> {
        let mut archive = Archive::at(path);
        let next = archive.next_number()?;
        Ok(Self::of(Source::Store { archive, next }))
    }

    /// From now on, of the running kernel's log.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of_log() -> anyhow::Result<Self> {
        let host = Host::here().context("cannot read the boot id")?;
        let (device, _) = Device::open_at_end()?;
        let parser = Box::new(Parser::new(this_boot::machine(&host)));
        Ok(Self::of(Source::Log { device: Box::new(device), parser }))
    }

    fn of(source: Source) -> Self {
        Self { source, begun: Timestamp::now(), seen: HashSet::new() }
    }

    /// A record that was read since this began.
    pub(crate) fn note(&mut self, record: &Record) {
        let recent = self.begun.checked_sub(RECENT).unwrap_or(self.begun);
        if record.origin().time.is_none_or(|time| time >= recent) {
            self.seen.insert(record.id());
        }
    }

    /// The last records from before, oldest first, so many at the most; for the kernel's log all that it
    /// has. Those that come again are [noted](Self::note).
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn before(&mut self, most: u64) -> anyhow::Result<Vec<Record>> {
        let records = match &mut self.source {
            Source::Store { archive, next } => {
                let boot = ThisBoot::here();
                let first = next.saturating_sub(most);
                let found = archive.from(first, *next, BATCH, usize::MAX)?;
                let corrected = |(_, mut record)| {
                    ThisBoot::correct(boot.as_ref(), &mut record);
                    record
                };
                found.into_iter().map(corrected).collect()
            }
            Source::Log { .. } => {
                let mut found = Vec::new();
                let host = Host::here().context("cannot read the boot id")?;
                this_boot::read(&host, Part::all(), &mut |record| {
                    found.push(record);
                    Ok::<_, anyhow::Error>(())
                })?;
                found
            }
        };
        records.iter().for_each(|record| self.note(record));
        Ok(records)
    }

    /// What has come since the last time, without waiting.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn take(&mut self) -> anyhow::Result<Vec<Record>> {
        let mut records = self.source.take()?;
        records.retain(|record| !self.seen.remove(&record.id()));
        Ok(records)
    }

    /// Hands on each that is selected, for ever.
    ///
    /// # Errors
    /// No more can be read, or `each` fails.
    pub(crate) fn run(
        self,
        selection: &Selection,
        mut each: impl FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<Infallible> {
        let mut follower = self;
        let mut each = |record, _: Option<&str>| each(record);
        let mut taker = Taker::new(selection, &mut each);
        loop {
            let records = follower.take()?;
            let is_idle = records.is_empty();
            records.into_iter().try_for_each(|record| taker.take(record))?;
            if is_idle {
                thread::sleep(PAUSE);
            }
        }
    }
}

impl Source {
    /// What there is by now.
    fn take(&mut self) -> anyhow::Result<Vec<Record>> {
        match self {
            Self::Store { archive, next } => {
                let some = archive.from(*next, END, BATCH, BATCH_BYTES)?;
                if let Some((last, _)) = some.last() {
                    *next = last + 1;
                }
                Ok(some.into_iter().map(|(_, record)| record).collect())
            }
            Self::Log { device, parser } => {
                let mut done = Vec::new();
                let mut is_idle = true;
                while let Some(taken) = device.take().context("cannot read the kernel's log")? {
                    let Taken::Record(record, gap) = taken else { continue };
                    is_idle = false;
                    if gap > 0 {
                        done.extend(parser.gap());
                    }
                    if let Some(entry) = record.entry() {
                        // It was written just now, whatever its own clock says.
                        let time = Some(Timestamp::now());
                        let entry = Entry { stamp: Stamp { time, ..entry.stamp }, ..entry };
                        done.extend(parser.push(&entry));
                    }
                }
                // Nothing has come for a while: what is open is whole.
                if is_idle {
                    done.extend(parser.flush());
                }
                Ok(done)
            }
        }
    }
}
