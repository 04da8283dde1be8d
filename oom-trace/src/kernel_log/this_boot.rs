//! The log of the running kernel, read back.

use anyhow::Context as _;

use crate::enrich::host::Host;
use crate::incident::model::Record;
use crate::kernel_log::device::{Boundary, Device, Taken};
use crate::kernel_log::log_clock::LogClock;
use crate::kernel_log::skim::{Next, Skim};
use crate::kernel_log::{Entry, Machine, Parser, Stamp};

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

/// What of the log is wanted.
pub(crate) struct Part<'a> {
    /// Nothing after this.
    pub(crate) until: Option<&'a mut Boundary>,
    /// Whether the kill whose line has this stamp, in microseconds, is known: what comes of it, if anything
    /// does, may lack what its dump tells.
    pub(crate) is_known: &'a dyn Fn(u64) -> bool,
}

impl Part<'_> {
    /// All of it.
    pub(crate) fn all() -> Self {
        Self { until: None, is_known: &|_| false }
    }

    /// All kills, for whom it is enough that they were.
    pub(crate) fn without_dumps() -> Self {
        Self { until: None, is_known: &|_| true }
    }
}

/// Hands on what it has, oldest first, by now.
///
/// # Errors
/// It cannot be read, or `each` fails.
pub(crate) fn read(
    host: &Host,
    part: Part<'_>,
    each: &mut dyn FnMut(Record) -> anyhow::Result<()>,
) -> anyhow::Result<Limits> {
    let Part { mut until, is_known } = part;
    let mut device = Device::open()?;
    let mut parser = Parser::new(machine(host));
    let clock = LogClock::now();
    let mut first = None;
    let mut lost = 0;
    let mut skim = Skim::new(is_known);
    let mut parse = |(message, is_torn): Next| {
        let mut done = if is_torn { parser.gap() } else { Vec::new() };
        if let Some(entry) = message.entry() {
            let time = clock.zip(entry.stamp.boot_ns).map(|(clock, stamp_ns)| clock.wall(stamp_ns));
            done.extend(parser.push(&Entry { stamp: Stamp { time, ..entry.stamp }, ..entry }));
        }
        done.into_iter().try_for_each(&mut *each)
    };
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
        for (message, gap) in batch.drain(..) {
            // Of a storm, the beginning may be overwritten.
            let begins_late = first.is_none() && message.sequence > 0;
            first.get_or_insert(message.sequence);
            lost += gap;
            skim.push((message, gap > 0 || begins_late)).into_iter().try_for_each(&mut parse)?;
        }
    }
    skim.rest().into_iter().try_for_each(&mut parse)?;
    parser.flush().into_iter().try_for_each(&mut *each)?;
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
