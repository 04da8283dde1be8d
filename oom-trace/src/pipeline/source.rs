//! Where kills are seen: by programs in the kernel, or without them in its log.

use anyhow::anyhow;

use crate::bpf::{Hooked, KernelBtf, Probes, Ring, hook, lift_memlock};
use crate::budget::Budget;
use crate::config;
use crate::kernel::facts::Facts;
use crate::kernel::plan::{Plan, Refused, Rung};
use crate::kernel_log::device::{Begin, Device};

/// What is open.
pub(crate) enum Source {
    /// The programs, what they write to, and what is known of the machine.
    Programs(Box<(Facts, Probes, Ring)>),
    /// The log, from now on.
    Log(Device),
}

/// Opens the best that may be taken and can be had. Must be called within a tokio runtime.
///
/// # Errors
/// Nothing can be had.
pub(crate) fn open(config: &config::Kernel, debug: bool) -> anyhow::Result<(Plan, Source)> {
    let is_log = |rung: &Rung| *rung == Rung::Log;
    let rungs: Vec<_> = config.rungs.iter().copied().filter(|rung| !is_log(rung)).collect();
    if rungs.is_empty() {
        return Ok((Plan::log(Vec::new()), Source::Log(Device::open(Begin::Next)?)));
    }
    let (error, refused) = match programs(config, &rungs, debug) {
        Ok((plan, programs)) => return Ok((plan, Source::Programs(Box::new(programs)))),
        Err(failed) => failed,
    };
    if !config.rungs.iter().any(is_log) {
        return Err(error);
    }
    match Device::open(Begin::Next) {
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
) -> Result<(Plan, (Facts, Probes, Ring)), Obstacle> {
    // The kernel would kill this process in the middle of it.
    Budget::here().fits_loading().map_err(|error| obstacle(rungs, error))?;
    let path = config.btf.as_deref();
    let facts = Facts::gather(KernelBtf::read(path), path);
    let facts = facts.map_err(|error| obstacle(rungs, error))?;
    // Where it matters and may not be done, making the maps says so.
    let _ = lift_memlock();
    match hook(&facts, rungs, debug) {
        Ok(Hooked { plan, probes, ring }) => Ok((plan, (facts, probes, ring))),
        Err(unhooked) => Err((unhooked.error.into(), unhooked.refused)),
    }
}

/// What could not be had and is not needed, for people.
pub(crate) fn notes(source: &Source) -> Vec<String> {
    match source {
        Source::Programs(programs) => {
            let (_, probes, _) = &**programs;
            probes.notes.clone()
        }
        Source::Log(_) => vec![
            "reading the kernel's log only: it is rate-limited, and of more than ten kills in five \
             seconds it has only the victims"
                .to_owned(),
        ],
    }
}
