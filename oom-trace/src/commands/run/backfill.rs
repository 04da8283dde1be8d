//! Kills of this boot that the store lacks, because no agent was there to see them: the kernel's log
//! tells of them.

use std::path::Path;
use std::time::Duration;

use crate::commands::own_log::{self, Limits, suspended};
use crate::enrich::host::Host;
use crate::incident::model::{OomKill, Record};
use crate::store::{Archive, Known};

/// By how much the log's stamp of a kill may differ from the hooks': the log's line comes after the
/// decision, and a dump of a thousand tasks to a serial console before it.
const APART: Duration = Duration::from_secs(10);

/// The log's clock is not steered as the other one is (parts of a million).
const DRIFT_PPM: u64 = 500;

/// What was found.
#[derive(Debug)]
pub(super) struct Missed {
    /// Those that the store lacks.
    pub(super) records: Vec<Record>,
    /// What people should hear.
    pub(super) said: Vec<String>,
}

/// Reads the log up to `until`, when the hooks were in place, on `CLOCK_BOOTTIME` in nanoseconds;
/// `counted` is the kernel's count of kills then.
///
/// # Errors
/// The log or the store cannot be read.
pub(super) fn backfill(
    host: &Host,
    store: &Path,
    until: u64,
    counted: Option<u64>,
) -> anyhow::Result<Missed> {
    let known = Archive::at(store).kills(&host.boot_id)?.kills;
    let mut records = Vec::new();
    let slept = u64::try_from(suspended().as_nanos()).unwrap_or(u64::MAX);
    let limits = own_log::read(host, |record| {
        if is_missed(&record, &known, until, slept) {
            records.push(record);
        }
        Ok(())
    })?;
    let told: u64 = known.iter().map(|known| u64::from(known.kills)).sum::<u64>()
        + records.iter().filter_map(Record::kill).map(kills).sum::<u64>();
    let said = counted.and_then(|counted| untold(counted, told, limits));
    Ok(Missed { records, said: said.into_iter().collect() })
}

fn is_missed(record: &Record, known: &[Known], until: u64, slept: u64) -> bool {
    let Some(kill) = record.kill() else { return false };
    let Some(logged) = kill.origin.boot_ns else { return false };
    // What is later the hooks see.
    logged.saturating_add(slept) < until
        && !known.iter().any(|known| {
            let apart = logged.abs_diff(known.boot_ns);
            let drift = known.boot_ns / 1_000_000 * DRIFT_PPM;
            let most = u64::try_from(APART.as_nanos()).unwrap_or(u64::MAX);
            known.tid == kill.victim.tid && apart <= most.saturating_add(drift + slept)
        })
}

fn kills(kill: &OomKill) -> u64 {
    kill.kill_count.unwrap_or(1).into()
}

fn untold(counted: u64, told: u64, limits: Limits) -> Option<String> {
    let untold = counted.checked_sub(told).filter(|untold| *untold > 0)?;
    let why = match limits {
        Limits { reaches_back: false, .. } => {
            ": the kernel's log does not reach back to the boot, and no agent was there"
        }
        _ => ": no agent was there, and the kernel's log does not tell of them",
    };
    Some(format!("of {counted} kills since the boot, {untold} are in no record{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    fn logged(tid: u32, boot_ns: u64) -> Record {
        let [(_, Record::OomKill(mut kill)), ..] = fixtures::all() else { panic!() };
        kill.victim.tid = tid;
        kill.origin.boot_ns = Some(boot_ns);
        Record::OomKill(kill)
    }

    #[test]
    fn a_kill_is_missed_if_no_record_is_of_its_thread_and_time() {
        const SECOND: u64 = 1_000_000_000;
        let known = [Known { tid: 7, boot_ns: 1000 * SECOND, log_us: None, kills: 1 }];
        let until = 5000 * SECOND;
        for (tid, at, slept, missed) in [
            (7, 1000, 0, false),
            (7, 1002, 0, false),
            // The id was given to another process.
            (7, 2000, 0, true),
            (8, 1000, 0, true),
            // The log's clock stood still for so long.
            (7, 400, 600, false),
            // The hooks saw it.
            (8, 5001, 0, false),
            (8, 4800, 600, false),
        ] {
            let record = logged(tid, at * SECOND);
            let is = is_missed(&record, &known, until, slept * SECOND);
            assert_eq!(is, missed, "{tid} {at} {slept}");
        }
        let limits = Limits { reaches_back: false, lost: 0, has_times: true };
        assert_eq!(untold(3, 3, limits), None);
        assert!(
            untold(5, 3, limits).unwrap().contains("5 kills since the boot, 2 are in no record")
        );
    }
}
