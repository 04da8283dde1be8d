//! Each sink on its own thread behind its own bounded queue: one that is stuck delays neither the
//! reader of the ring nor another sink.

use std::convert::Infallible;
use std::fmt::{self, Debug, Display, Formatter};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::{Sink, SinkError};
use crate::incident::model::Record;

mod worker;

use worker::{Counts, Job, Worker};

/// Rendering and writing touch 40 KiB of it in a debug build, 16 KiB in a release build. Small,
/// because `RLIMIT_MEMLOCK` counts a locked stack whole, touched or not.
const STACK_BYTES: usize = 256 << 10;

/// News of a sink, told on the sink's own thread.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkReport<'a> {
    /// The first failure after a success. Records that fail in the same way after it are counted
    /// and not told one by one.
    Failing {
        /// [`Sink::name`].
        sink: &'a str,
        /// What it said.
        error: &'a SinkError,
    },
    /// It takes records again after a failure, or it has caught up after its queue was full.
    Recovered {
        /// [`Sink::name`].
        sink: &'a str,
        /// Records lost meanwhile.
        lost: u64,
    },
}

impl Display for SinkReport<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failing { sink, error } => write!(f, "output {sink}: {error}"),
            Self::Recovered { sink, lost } => {
                let s = if *lost == 1 { "" } else { "s" };
                write!(f, "output {sink}: works again; {lost} record{s} lost meanwhile")
            }
        }
    }
}

/// What became of the records for one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkTotals {
    /// [`Sink::name`].
    pub name: String,
    /// Records that the sink took.
    pub delivered: u64,
    /// Records that found its queue full.
    pub dropped: u64,
    /// Records that it failed to deliver.
    pub failed: u64,
    /// Records that still wait in its queue, the one it is at among them.
    pub waiting: u64,
    /// What it failed with last.
    pub last_error: Option<String>,
    /// It did not finish before the deadline of [`Fanout::close`]; what was waiting is lost.
    pub stuck: bool,
}

impl SinkTotals {
    /// Records that did not and will not arrive.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped + self.failed + if self.stuck { self.waiting } else { 0 }
    }
}

/// All sinks.
#[derive(Debug)]
pub struct Fanout {
    outlets: Vec<Outlet>,
}

#[derive(Debug)]
struct Outlet {
    name: String,
    queue: SyncSender<Job>,
    counts: Arc<Counts>,
    /// Says nothing; its end is the thread's.
    finished: Receiver<Infallible>,
    thread: JoinHandle<()>,
}

impl Fanout {
    /// Starts a thread for each sink. Up to `queue` records wait for one that is busy. `report` is
    /// called on the sinks' threads and may block only its sink.
    ///
    /// # Errors
    /// The kernel gives no further thread.
    pub fn start(
        sinks: Vec<Box<dyn Sink>>,
        queue: NonZeroUsize,
        report: Arc<dyn Fn(SinkReport<'_>) + Send + Sync>,
    ) -> Result<Self, SinkError> {
        let outlet = |sink: Box<dyn Sink>| {
            let name = sink.name().to_owned();
            let (sender, receiver) = sync_channel(queue.get());
            let (finishing, finished) = sync_channel(0);
            let counts = Arc::<Counts>::default();
            let worker = Worker::new(sink, receiver, Arc::clone(&counts), Arc::clone(&report));
            let thread = Builder::new()
                .name("sink".into())
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    worker.run();
                    drop::<SyncSender<Infallible>>(finishing);
                })
                .map_err(|io| SinkError::new("start a thread for", name.as_str(), io))?;
            Ok(Outlet { name, queue: sender, counts, finished, thread })
        };
        Ok(Self { outlets: sinks.into_iter().map(outlet).collect::<Result<_, _>>()? })
    }

    /// Hands a record to every sink. Never blocks and never allocates: a full queue counts.
    pub fn send(&self, record: &Arc<Record>) {
        for outlet in &self.outlets {
            // Counted before, so that no thread delivers more than was accepted.
            outlet.counts.accepted.fetch_add(1, Relaxed);
            match outlet.queue.try_send(Job::Record(Arc::clone(record))) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    outlet.counts.dropped.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Has every sink open its destination anew before its next record, at once if it is idle.
    pub fn reopen(&self) {
        for outlet in &self.outlets {
            outlet.counts.reopen.store(true, Relaxed);
            // A queue that is full wakes the thread anyway.
            let _ = outlet.queue.try_send(Job::Wake);
        }
    }

    /// How each sink stands now.
    #[must_use]
    pub fn totals(&self) -> Vec<SinkTotals> {
        self.outlets.iter().map(|outlet| outlet.counts.totals(&outlet.name, false)).collect()
    }

    /// Has the sinks deliver what waits, flush and end, all within `deadline`. A sink that is
    /// stuck is left behind: its thread ends with the process.
    #[must_use]
    pub fn close(self, deadline: Duration) -> Vec<SinkTotals> {
        let start = Instant::now();
        // All queues end before the first wait, so that all sinks finish at the same time.
        let ending: Vec<_> = self
            .outlets
            .into_iter()
            .map(|Outlet { name, queue, counts, finished, thread }| {
                drop(queue);
                (name, counts, finished, thread)
            })
            .collect();
        ending
            .into_iter()
            .map(|(name, counts, finished, thread)| {
                let left = deadline.saturating_sub(start.elapsed());
                let stuck = match finished.recv_timeout(left) {
                    Err(RecvTimeoutError::Timeout) => true,
                    // A sink that panicked took its records with it: they still count as waiting.
                    Err(RecvTimeoutError::Disconnected) => thread.join().is_err(),
                    Ok(never) => match never {},
                };
                counts.totals(&name, stuck)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
