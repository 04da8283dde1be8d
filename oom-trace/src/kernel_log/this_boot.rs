//! The log of the running kernel, read back.

use std::time::Duration;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::Record;
use crate::kernel_log::device::{Boundary, Device, Taken};
use crate::kernel_log::{Entry, Machine, Parser, Stamp};

/// A shorter suspension moves no kill by a time that matters.
const SHORT: Duration = Duration::from_secs(1);

/// Messages that are read before they are looked at.
const BATCH: usize = 64;

const UNREADABLE: &str = "cannot read the kernel's log";

/// What the log does not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// It begins with the boot.
    pub(crate) reaches_back: bool,
    /// Messages that were overwritten while it was read.
    pub(crate) lost: u64,
    /// Its kills have wall-clock times.
    pub(crate) has_times: bool,
}

/// Hands on all that it has, oldest first; or what it had by then.
///
/// # Errors
/// It cannot be read, or `each` fails.
pub(crate) fn read(
    host: &Host,
    mut until: Option<&mut Boundary>,
    mut each: impl FnMut(Record) -> anyhow::Result<()>,
) -> anyhow::Result<Limits> {
    let mut device = Device::open()?;
    let mut parser = Parser::new(machine(host));
    let clock = (suspended() < SHORT).then(Clock::now);
    let mut first = None;
    let mut lost = 0;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        while batch.len() < BATCH
            && let Some(taken) = device.take().context(UNREADABLE)?
        {
            if let Taken::Record(record, gap) = taken {
                batch.push((record, gap));
            }
        }
        // Of many at once: the boundary is another open file, and a log may have a million messages.
        if let Some(boundary) = &mut until {
            boundary.keep_before(&mut batch).context(UNREADABLE)?;
        }
        if batch.is_empty() {
            break;
        }
        for (record, gap) in batch.drain(..) {
            // Of a storm, the beginning may be overwritten.
            let begins_late = first.is_none() && record.sequence > 0;
            first.get_or_insert(record.sequence);
            let mut done = Vec::new();
            if gap > 0 || begins_late {
                lost += gap;
                done = parser.gap();
            }
            if let Some(entry) = record.entry() {
                let time =
                    clock.zip(entry.stamp.boot_ns).map(|(clock, boot_ns)| clock.wall(boot_ns));
                done.extend(parser.push(&Entry { stamp: Stamp { time, ..entry.stamp }, ..entry }));
            }
            done.into_iter().try_for_each(&mut each)?;
        }
    }
    parser.flush().into_iter().try_for_each(&mut each)?;
    let reaches_back = first.is_none_or(|first| first == 0);
    Ok(Limits { reaches_back, lost, has_times: clock.is_some() })
}

/// The running kernel's.
pub(crate) fn machine(host: &Host) -> Machine {
    let version = rustix::system::uname().version().to_string_lossy().into_owned();
    Machine {
        host: Some(host.name.clone()),
        boot_id: Some(host.boot_id.clone()),
        kernel: Some(host.kernel.clone()),
        kernel_version: Some(version),
        page_size: Some(rustix::param::page_size() as u64),
    }
}

/// How long this machine slept since it booted. The kernel's log does not count that. Then its stamps
/// cannot be told in wall-clock time: nobody says before or after which message it slept.
pub(crate) fn suspended() -> Duration {
    let now = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let awake = now(ClockId::Monotonic);
    now(ClockId::Boottime).saturating_sub(awake)
}
