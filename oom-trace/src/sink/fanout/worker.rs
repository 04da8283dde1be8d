//! The thread of one sink.

use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Sink, SinkError, SinkReport, SinkTotals};
use crate::incident::model::Record;

/// What waits in a sink's queue.
#[derive(Debug)]
pub(super) enum Job {
    Record(Arc<Record>),
    /// Look at [`Counts::reopen`].
    Wake,
}

/// What the reader and the sink's thread share.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) reopen: AtomicBool,
    /// Given to [`super::Fanout::send`], whatever became of them.
    pub(super) accepted: AtomicU64,
    pub(super) dropped: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counts {
    pub(super) fn totals(&self, name: &str, stuck: bool) -> SinkTotals {
        let delivered = self.delivered.load(Relaxed);
        let dropped = self.dropped.load(Relaxed);
        let failed = self.failed.load(Relaxed);
        SinkTotals {
            name: name.to_owned(),
            delivered,
            dropped,
            failed,
            waiting: self.accepted.load(Relaxed).saturating_sub(delivered + dropped + failed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            stuck,
        }
    }

    fn lost(&self) -> u64 {
        self.dropped.load(Relaxed) + self.failed.load(Relaxed)
    }
}

pub(super) struct Worker {
    sink: Box<dyn Sink>,
    queue: Receiver<Job>,
    counts: Arc<Counts>,
    report: Arc<dyn Fn(SinkReport<'_>) + Send + Sync>,
    failing: bool,
    /// Lost records that were told of.
    told: u64,
}

impl Worker {
    pub(super) fn new(
        sink: Box<dyn Sink>,
        queue: Receiver<Job>,
        counts: Arc<Counts>,
        report: Arc<dyn Fn(SinkReport<'_>) + Send + Sync>,
    ) -> Self {
        Self { sink, queue, counts, report, failing: false, told: 0 }
    }

    /// Until the queue's other end is dropped and the queue is empty.
    pub(super) fn run(mut self) {
        while let Some(job) = self.next() {
            if self.counts.reopen.swap(false, Relaxed)
                && let Err(error) = self.sink.reopen()
            {
                self.fail(&error);
            }
            match job {
                Job::Record(record) => self.deliver(&record),
                Job::Wake => {}
            }
        }
        if let Err(error) = self.sink.flush() {
            self.fail(&error);
        }
    }

    /// Losses are told when the queue is empty: once for a burst, not once for each record of it.
    fn next(&mut self) -> Option<Job> {
        match self.queue.try_recv() {
            Ok(job) => Some(job),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.tell_losses();
                self.queue.recv().ok()
            }
        }
    }

    fn deliver(&mut self, record: &Record) {
        match self.sink.deliver(record) {
            Ok(()) => {
                self.counts.delivered.fetch_add(1, Relaxed);
                self.failing = false;
            }
            Err(error) => {
                self.counts.failed.fetch_add(1, Relaxed);
                if !self.failing {
                    self.failing = true;
                    self.fail(&error);
                } else {
                    self.remember(&error);
                }
            }
        }
    }

    fn fail(&self, error: &SinkError) {
        self.remember(error);
        (self.report)(SinkReport::Failing { sink: self.sink.name(), error });
    }

    fn remember(&self, error: &SinkError) {
        let mut last = self.counts.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(error.to_string());
    }

    fn tell_losses(&mut self) {
        let lost = self.counts.lost();
        if !self.failing && lost > self.told {
            let since = lost - self.told;
            self.told = lost;
            (self.report)(SinkReport::Recovered { sink: self.sink.name(), lost: since });
        }
    }
}

impl Debug for Worker {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("sink", &self.sink).finish_non_exhaustive()
    }
}
