//! What this machine knows: the store that an agent keeps here, or else the running kernel's log.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use thiserror::Error;

use super::running::agent;
use super::taker::Taker;
use crate::config::service_store;
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::{Origin, Record, Source};
use crate::kernel_log::log_clock::LogClock;
use crate::kernel_log::this_boot::{self, Limits, Part};
use crate::say::say;
use crate::store::Archive;
use crate::units::Counted;

/// By so much clocks differ without having been set: they are slewed.
const NEGLIGIBLE: Duration = Duration::from_secs(2);

/// A store that this user may not read.
#[derive(Debug, Error)]
#[error("cannot read the store {}: {error}; to read it, use sudo", path.display())]
pub(crate) struct Denied {
    path: PathBuf,
    error: io::Error,
}

impl Denied {
    /// Says so, before what is read in its place.
    pub(crate) fn tell(&self) {
        say(format_args!("{self}; the kernel's log is read instead"));
    }
}

/// The store of the agent that runs, as far as that can be seen, or else the service's, if there is one.
///
/// # Errors
/// This user may not read the service's.
pub(crate) fn store() -> Result<Option<PathBuf>, Denied> {
    preferred(agent().and_then(|(_, store)| store), service_store())
}

/// Where an agent runs, the service's store may be an old one, to which nothing is added.
fn preferred(of_agent: Option<PathBuf>, service: PathBuf) -> Result<Option<PathBuf>, Denied> {
    of_agent.map_or_else(|| readable(service), |store| Ok(Some(store)))
}

/// A store, if it is there. What else is wrong with it is said when it is read.
fn readable(path: PathBuf) -> Result<Option<PathBuf>, Denied> {
    match access(&path, Access::READ_OK) {
        Err(Errno::NOENT) => Ok(None),
        Err(error @ (Errno::ACCESS | Errno::PERM)) => Err(Denied { path, error: error.into() }),
        _ => Ok(Some(path)),
    }
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
    /// `None` if nobody knows what it stands at.
    log: Option<LogClock>,
}

impl ThisBoot {
    pub(crate) fn here() -> Option<Self> {
        let id = Host::here().ok()?.boot_id;
        Some(Self { id, clock: Clock::now(), log: LogClock::now() })
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
        if *boot_id != self.id {
            return None;
        }
        let is_logged = record.kill().is_some_and(|kill| kill.source == Source::KernelLog);
        let now = if is_logged { self.log?.wall(*boot_ns) } else { self.clock.wall(*boot_ns) };
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
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    use rustix::process::{Uid, geteuid};
    use rustix::thread::set_thread_res_uid;

    use super::*;
    use crate::render::fixtures;

    #[test]
    fn a_store_that_may_not_be_read_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.db");
        assert!(matches!(readable(path.clone()), Ok(None)));
        fs::write(&path, crate::files::STORE).unwrap();
        assert_eq!(readable(path.clone()).unwrap(), Some(path.clone()));
        fs::set_permissions(dir.path(), Permissions::from_mode(0o000)).unwrap();
        let found = thread::spawn(move || {
            // Root may read anything; a thread has its own user.
            let nobody = Uid::from_raw(65_534);
            if geteuid().is_root() {
                set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            readable(path).unwrap_err().to_string()
        });
        let denied = found.join().unwrap();
        assert!(denied.contains("records.db: Permission denied"), "{denied}");
        assert!(denied.ends_with("use sudo"), "{denied}");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    }

    fn record(boot_id: &str, boot_ns: u64, time: Timestamp, source: Source) -> Record {
        let mut kill = fixtures::unknown();
        kill.source = source;
        kill.origin.boot_id = Some(boot_id.into());
        kill.origin.boot_ns = Some(boot_ns);
        kill.origin.time = Some(time);
        Record::OomKill(Box::new(kill))
    }

    #[test]
    fn the_store_of_the_agent_that_runs_comes_before_the_services() {
        let dir = tempfile::tempdir().unwrap();
        let [agents, services] = ["agent.db", "records.db"].map(|name| dir.path().join(name));
        fs::write(&services, crate::files::STORE).unwrap();
        let found = |of_agent| preferred(of_agent, services.clone()).unwrap();
        assert_eq!(found(Some(agents.clone())), Some(agents));
        assert_eq!(found(None), Some(services.clone()));
    }

    #[test]
    fn a_time_of_this_boot_is_told_by_the_clock_as_it_stands_now() {
        let clock = Clock::now();
        let log = LogClock::now();
        assert!(log.is_some(), "this machine slept");
        let mut boot = ThisBoot { id: "this".into(), clock, log };
        let right = clock.wall(5_000_000_000);
        let (wrong, slewed) = (Timestamp::UNIX_EPOCH, right + Duration::from_secs(1));
        let of = |boot: &ThisBoot, id, time, source| {
            boot.corrected(&record(id, 5_000_000_000, time, source))
        };
        assert_eq!(of(&boot, "this", wrong, Source::Kprobe), Some(right));
        assert_eq!(of(&boot, "this", slewed, Source::Kprobe), None);
        assert_eq!(of(&boot, "other", wrong, Source::Kprobe), None);
        let logged = of(&boot, "this", wrong, Source::KernelLog).unwrap();
        assert!(logged.duration_since(right).unsigned_abs() < NEGLIGIBLE, "{logged}, not {right}");
        boot.log = None;
        assert_eq!(of(&boot, "this", wrong, Source::KernelLog), None);
        assert_eq!(of(&boot, "this", wrong, Source::Kprobe), Some(right));
    }
}
