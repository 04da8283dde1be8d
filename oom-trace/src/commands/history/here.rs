//! The log of the running kernel.

use std::time::Duration;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

use super::{Printer, say};
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::kernel_log::device::{Begin, Device, Taken};
use crate::kernel_log::{Entry, Machine, Parser, Stamp};

/// A shorter suspension moves no kill by a time that matters.
const SHORT: Duration = Duration::from_secs(1);

pub(super) fn read(printer: &mut Printer) -> anyhow::Result<()> {
    let mut device = Device::open(Begin::Oldest)?;
    let host = Host::here().context("cannot read the boot id")?;
    let mut parser = Parser::new(machine(&host));
    let clock = unsuspended_clock();
    let mut first = None;
    let mut lost = 0;
    while let Some(taken) = device.take().context("cannot read the kernel's log")? {
        let Taken::Record(record, gap) = taken else { continue };
        first.get_or_insert(record.sequence);
        let mut done = Vec::new();
        if gap > 0 {
            lost += gap;
            done = parser.gap();
        }
        if let Some(entry) = record.entry() {
            let time = clock.zip(entry.stamp.boot_ns).map(|(clock, boot_ns)| clock.wall(boot_ns));
            done.extend(parser.push(&Entry { stamp: Stamp { time, ..entry.stamp }, ..entry }));
        }
        done.iter().try_for_each(|record| printer.print(record))?;
    }
    parser.flush().iter().try_for_each(|record| printer.print(record))?;
    if first.is_some_and(|first| first > 0) {
        say("the kernel's log does not reach back to the boot: older kills may be gone from it");
    }
    if lost > 0 {
        say(format_args!("{lost} messages were overwritten while the log was read"));
    }
    if clock.is_none() {
        say("this machine was suspended: when its kills were, the kernel's log does not tell");
    }
    Ok(())
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

/// The kernel's log does not count the time in which the machine was suspended. Then its stamps
/// cannot be told in wall-clock time: nobody says before or after which message it slept.
fn unsuspended_clock() -> Option<Clock> {
    let now = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let awake = now(ClockId::Monotonic);
    (now(ClockId::Boottime).saturating_sub(awake) < SHORT).then(Clock::now)
}
