//! What this machine knows: the store that the service keeps, or else the running kernel's log.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Printer;
use crate::commands::own_log::{self, Limits};
use crate::enrich::host::Host;
use crate::incident::model::Record;
use crate::say::say;
use crate::store::Archive;

/// Where the service that we ship keeps it.
const STORE: &str = "/var/lib/oom-trace/records.db";

/// The service's store, if there is one.
pub(super) fn store() -> Option<PathBuf> {
    let path = PathBuf::from(STORE);
    path.exists().then_some(path)
}

/// Of what the agent says of itself only the gaps are about kills: they are not left out where every
/// record is shown.
pub(super) fn read_store(path: &Path, printer: &mut Printer) -> anyhow::Result<()> {
    let since = printer.since();
    Archive::at(path).each_since(since, None, |record| match record {
        Record::Agent(_) if printer.is_for_people() => Ok(()),
        record => printer.print(&record),
    })
}

pub(super) fn read_log(printer: &mut Printer) -> anyhow::Result<()> {
    let host = Host::here().context("cannot read the boot id")?;
    let Limits { reaches_back, lost, has_times } =
        own_log::read(&host, |record| printer.print(&record))?;
    if !reaches_back {
        say("the kernel's log does not reach back to the boot: older kills may be gone from it");
    }
    if lost > 0 {
        say(format_args!("{lost} messages were overwritten while the log was read"));
    }
    if !has_times {
        say("this machine was suspended: when its kills were, the kernel's log does not tell");
    }
    Ok(())
}
