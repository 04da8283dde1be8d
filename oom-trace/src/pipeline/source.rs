//! Where kills are seen: by programs in the kernel, or without them in its log.

use anyhow::anyhow;

use crate::bpf::{Hooked, KernelBtf, Probes, Ring, hook, lift_memlock};
use crate::budget::Budget;
use crate::config;
use crate::kernel::facts::Facts;
use crate::kernel::plan::{Plan, Refused, Rung};
use crate::kernel_log::device::{Device, DeviceError};

/// What is open.
pub(crate) enum Source {
    /// The programs, and the log beside them.
    Programs(Box<Loaded>),
    /// The log alone.
    Log(Device),
}

/// What there is where programs are loaded.
pub(crate) struct Loaded {
    /// What is known of the machine.
    pub(super) facts: Facts,
    pub(super) probes: Probes,
    /// What they write to.
    pub(super) ring: Ring,
    /// Or why it cannot be read.
    pub(super) log: Result<Device, DeviceError>,
}

/// Opens the best that may be taken and can be had; the log is open already, if it can be read, and
/// tells of what was before the hooks. Must be called within a tokio runtime.
///
/// # Errors
/// Nothing can be had.
pub(crate) fn open(
    config: &config::Kernel,
    debug: bool,
    log: Result<Device, DeviceError>,
) -> anyhow::Result<(Plan, Source)> {
    let is_log = |rung: &Rung| *rung == Rung::Log;
    let rungs: Vec<_> = config.rungs.iter().copied().filter(|rung| !is_log(rung)).collect();
    if rungs.is_empty() {
        return Ok((Plan::log(Vec::new()), Source::Log(log?)));
    }
    let (error, refused) = match programs(config, &rungs, debug) {
        Ok((facts, Hooked { plan, probes, ring })) => {
            let plan = if log.is_ok() { plan.with_log() } else { plan };
            let loaded = Loaded { facts, probes, ring, log };
            return Ok((plan, Source::Programs(Box::new(loaded))));
        }
        Err(failed) => failed,
    };
    if !config.rungs.iter().any(is_log) {
        return Err(error);
    }
    match log {
        Ok(device) => Ok((Plan::log(refused), Source::Log(device))),
        Err(log) => Err(anyhow!("{error:#}\n  log: {log}")),
    }
}

/// What keeps the programs out, in whole and for each way.
type Obstacle = (anyhow::Error, Vec<Refused>);

fn obstacle(rungs: &[Rung], error: impl Into<anyhow::Error>) -> Obstacle {
    let error = error.into();
    let refused = Refused::all(rungs, &error.to_string());
    (error, refused)
}

/// Loads and attaches.
fn programs(
    config: &config::Kernel,
    rungs: &[Rung],
    debug: bool,
) -> Result<(Facts, Hooked), Obstacle> {
    // The kernel would kill this process in the middle of it.
    Budget::here().fits_loading().map_err(|error| obstacle(rungs, error))?;
    let path = config.btf.as_deref();
    let facts = Facts::gather(KernelBtf::read(path), path);
    let facts = facts.map_err(|error| obstacle(rungs, error))?;
    // Where it matters and may not be done, making the maps says so.
    let _ = lift_memlock();
    match hook(&facts, rungs, debug) {
        Ok(hooked) => Ok((facts, hooked)),
        Err(unhooked) => Err((unhooked.error.into(), unhooked.refused)),
    }
}

/// What could not be had and is not needed, for people.
pub(crate) fn notes(source: &Source) -> Vec<String> {
    match source {
        Source::Programs(loaded) => {
            let Loaded { probes, log, .. } = &**loaded;
            let unwitnessed = log.as_ref().err().map(|error| {
                format!(
                    "kills from before this start are not looked for, and whether a mark was a kill \
                     is known only where a probe saw it: {error}"
                )
            });
            probes.notes.iter().cloned().chain(unwitnessed).collect()
        }
        Source::Log(_) => vec![
            "reading the kernel's log only: it is rate-limited, and of more than ten kills in five \
             seconds it has only the victims"
                .to_owned(),
        ],
    }
}
