//! What this machine knows: the store that the service keeps, or else the running kernel's log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;

use super::running::agent;
use super::taker::Taker;
use crate::config::service_store;
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::{Origin, Record, Source};
use crate::kernel_log::this_boot::{self, Limits, Part, suspended};
use crate::store::Archive;
use crate::units::Counted;

/// By so much clocks differ without having been set: they are slewed.
const NEGLIGIBLE: Duration = Duration::from_secs(2);

/// The service's store, if there is one, or else that of the agent that runs.
pub(crate) fn store() -> Option<PathBuf> {
    let service = Some(service_store()).filter(|path| path.exists());
    service.or_else(|| agent()?.1)
}

/// The wall clock may have been wrong then. When a record of this boot was is told by the boot's own
/// clock and the wall clock as it stands now.
pub(super) fn read_store(path: &Path, taker: &mut Taker<'_>) -> anyhow::Result<()> {
    let (selection, boot) = (taker.selection, ThisBoot::here());
    let boot_id = boot.as_ref().map(|boot| boot.id.as_str());
    let mut archive = Archive::at(path);
    archive.each_since(selection.since, boot_id, |mut record| {
        let then = record.origin().time;
        ThisBoot::correct(boot.as_ref(), &mut record);
        let time = record.origin().time;
        if selection.keeps_times {
            record.origin_mut().time = then;
        }
        taker.take_new(record, time)
    })?;
    // The store counts them without a filter.
    if let Some(since) = selection.since.filter(|_| selection.filter.words().is_none()) {
        taker.told.note_kept_before(archive.kills_before(since)?);
    }
    Ok(())
}

/// What tells when something was in this boot.
#[derive(Debug)]
pub(crate) struct ThisBoot {
    pub(crate) id: String,
    clock: Clock,
    has_slept: bool,
}

impl ThisBoot {
    pub(crate) fn here() -> Option<Self> {
        let id = Host::here().ok()?.boot_id;
        Some(Self { id, clock: Clock::now(), has_slept: suspended() > NEGLIGIBLE })
    }

    /// Gives a record of this boot the time by the wall clock as it stands now.
    pub(crate) fn correct(this: Option<&Self>, record: &mut Record) {
        if let Some(time) = this.and_then(|boot| boot.corrected(record)) {
            record.origin_mut().time = Some(time);
        }
    }

    /// When a record was made, if the wall clock has been set since.
    fn corrected(&self, record: &Record) -> Option<Timestamp> {
        let Origin { time: Some(time), boot_ns: Some(boot_ns), boot_id: Some(boot_id), .. } =
            record.origin()
        else {
            return None;
        };
        // The log's clock does not count how long the machine slept.
        let is_logged = record.kill().is_some_and(|kill| kill.source == Source::KernelLog);
        if *boot_id != self.id || (is_logged && self.has_slept) {
            return None;
        }
        let now = self.clock.wall(*boot_ns);
        let apart = now.duration_since(*time).unsigned_abs();
        (apart > NEGLIGIBLE).then_some(now)
    }
}

pub(super) fn read_log(taker: &mut Taker<'_>) -> anyhow::Result<()> {
    let host = Host::here().context("cannot read the boot id")?;
    let Limits { reaches_back, lost, has_times } =
        this_boot::read(&host, Part::all(), &mut |record| taker.take_logged(record))?;
    let limits = &mut taker.told.limits;
    if !reaches_back {
        limits.push("the kernel's log does not go back to boot; older kills may be missing".into());
    }
    if lost > 0 {
        limits.push(format!(
            "{} overwritten while the log was read; any kill among them is not shown",
            Counted(lost, "message")
        ));
    }
    if !has_times {
        limits.push(
            "this machine was suspended, so the kernel's log does not say when its kills happened"
                .into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    fn record(boot_id: &str, boot_ns: u64, time: Timestamp, source: Source) -> Record {
        let mut kill = fixtures::unknown();
        kill.source = source;
        kill.origin.boot_id = Some(boot_id.into());
        kill.origin.boot_ns = Some(boot_ns);
        kill.origin.time = Some(time);
        Record::OomKill(Box::new(kill))
    }

    #[test]
    fn a_time_of_this_boot_is_told_by_the_clock_as_it_stands_now() {
        let clock = Clock::now();
        let mut boot = ThisBoot { id: "this".into(), clock, has_slept: false };
        let right = clock.wall(5_000_000_000);
        let (wrong, slewed) = (Timestamp::UNIX_EPOCH, right + Duration::from_secs(1));
        let of = |boot: &ThisBoot, id, time, source| {
            boot.corrected(&record(id, 5_000_000_000, time, source))
        };
        assert_eq!(of(&boot, "this", wrong, Source::Kprobe), Some(right));
        assert_eq!(of(&boot, "this", slewed, Source::Kprobe), None);
        assert_eq!(of(&boot, "other", wrong, Source::Kprobe), None);
        assert_eq!(of(&boot, "this", wrong, Source::KernelLog), Some(right));
        boot.has_slept = true;
        assert_eq!(of(&boot, "this", wrong, Source::KernelLog), None);
        assert_eq!(of(&boot, "this", wrong, Source::Kprobe), Some(right));
    }
}
