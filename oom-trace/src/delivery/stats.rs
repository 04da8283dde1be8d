//! The counts of each sink, and of the agent, for whoever asks.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::backlog::{Backlog, Number};
use crate::incident::model::Totals;
use crate::sink::{Attachment, SinkTotals, Status};

/// The agent's and all sinks' counts.
#[derive(Debug, Default)]
pub struct SinkStats {
    start: Start,
    totals: Mutex<Totals>,
    sinks: Mutex<Vec<Arc<Counts>>>,
    /// Of sinks that others have taken the place of.
    replaced: Mutex<Vec<Arc<Counts>>>,
    backlog: OnceLock<Arc<Backlog>>,
    has_store: OnceLock<bool>,
    attached: OnceLock<Attachment>,
    /// Takes pings to the thread that reads events.
    pings: OnceLock<mpsc::UnboundedSender<oneshot::Sender<()>>>,
}

/// When the agent started: when this was made.
#[derive(Debug)]
struct Start(Timestamp);

impl Default for Start {
    fn default() -> Self {
        Self(Timestamp::now())
    }
}

/// What becomes of the records for one sink.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) name: String,
    pub(super) delivered: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failed: AtomicU64,
    /// Delivered without details, for want of room in memory.
    pub(super) shrunk: AtomicU64,
    /// The number of the record it is at.
    pub(super) cursor: AtomicU64,
    /// The first record that it has not told of, which may be one that it is to tell of later, with
    /// others.
    pub(super) untold: AtomicU64,
    /// Records that it has not got to and that nobody has any longer: they count as dropped.
    given_up: AtomicU64,
    /// Whether the store keeps what it has not got to, and where it is.
    pub(super) kept: bool,
    pub(super) stuck: AtomicBool,
    pub(super) ended: AtomicBool,
    pub(super) failing: AtomicBool,
    /// Where another goes on in its place.
    pub(super) heir: OnceLock<Number>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    last_success: Option<Timestamp>,
    last_error: Option<String>,
}

impl Counts {
    pub(super) fn new(name: &str, cursor: Number, kept: bool) -> Self {
        let (name, at) = (name.to_owned(), || AtomicU64::new(cursor));
        Self { name, kept, cursor: at(), untold: at(), ..Self::default() }
    }

    /// The first record for another that takes its place. One that fails will not tell what it has counted;
    /// the store has that, with all that came since.
    pub(super) fn heritage(&self) -> &AtomicU64 {
        if self.kept && self.failing.load(Relaxed) { &self.untold } else { &self.cursor }
    }

    /// Whether another tells what it has not told of.
    pub(super) fn is_inherited(&self) -> bool {
        self.heir.get().is_some_and(|at| *at <= self.untold.load(Relaxed))
    }

    pub(super) fn succeeded(&self, records: u64) {
        self.delivered.fetch_add(records, Relaxed);
        lock(&self.told).last_success = Some(Timestamp::now());
    }

    pub(super) fn failed_with(&self, error: &str) {
        lock(&self.told).last_error = Some(error.to_owned());
    }

    /// So many of what it has not got to are lost by now.
    pub(super) fn give_up(&self, lost: u64) {
        let before = self.given_up.fetch_max(lost, Relaxed);
        self.dropped.fetch_add(lost.saturating_sub(before), Relaxed);
    }

    /// It got to where so many are lost.
    pub(super) fn lost(&self, lost: u64) {
        let counted = lost.min(self.given_up.load(Relaxed));
        self.given_up.fetch_sub(counted, Relaxed);
        self.dropped.fetch_add(lost - counted, Relaxed);
    }

    /// It will not get to those that it gave up.
    pub(super) fn take_back_given_up(&self) {
        self.dropped.fetch_sub(self.given_up.swap(0, Relaxed), Relaxed);
    }

    fn totals(&self, next: Number) -> SinkTotals {
        let told = lock(&self.told);
        let behind = self.cursor.load(Relaxed) + self.given_up.load(Relaxed);
        SinkTotals {
            name: self.name.clone(),
            delivered: self.delivered.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            failed: self.failed.load(Relaxed),
            shrunk: self.shrunk.load(Relaxed),
            waiting: next.saturating_sub(behind),
            kept: self.kept,
            last_success: told.last_success,
            last_error: told.last_error.clone(),
            stuck: self.stuck.load(Relaxed),
            ended: self.ended.load(Relaxed),
        }
    }
}

impl SinkStats {
    /// What the agent has seen and lost by now.
    pub fn set_totals(&self, totals: Totals) {
        *lock(&self.totals) = totals;
    }

    /// How the kernel is watched. Said once.
    pub fn set_attached(&self, attached: Attachment) {
        let _ = self.attached.set(attached);
    }

    /// What the thread that reads events answers, from now on. Asked for once.
    pub fn take_pings(&self) -> mpsc::UnboundedReceiver<oneshot::Sender<()>> {
        let (sender, pings) = mpsc::unbounded_channel();
        let _ = self.pings.set(sender);
        pings
    }

    pub(super) fn set_backlog(&self, backlog: &Arc<Backlog>, has_store: bool) {
        let _ = self.backlog.set(Arc::clone(backlog));
        let _ = self.has_store.set(has_store);
    }

    pub(super) fn add(&self, counts: &Arc<Counts>) {
        lock(&self.sinks).push(Arc::clone(counts));
    }

    pub(super) fn remove(&self, counts: &Arc<Counts>) {
        lock(&self.sinks).retain(|other| !Arc::ptr_eq(other, counts));
        lock(&self.replaced).push(Arc::clone(counts));
    }

    /// Those of whom no more is asked: nothing waits for them.
    pub(super) fn replaced(&self) -> Vec<SinkTotals> {
        lock(&self.replaced).iter().map(|counts| counts.totals(0)).collect()
    }

    /// The last of this name that ended, if the store keeps what it has not got to.
    pub(super) fn left(&self, name: &str) -> Option<Arc<Counts>> {
        let replaced = lock(&self.replaced);
        replaced.iter().rev().find(|counts| counts.name == name && counts.kept).cloned()
    }

    /// Records that those sinks lost, and will lose, which count.
    pub(super) fn lost(&self, counts: impl Fn(&SinkTotals) -> bool) -> u64 {
        let all = self.sinks().into_iter().chain(self.replaced());
        all.filter(|sink| counts(sink)).map(|sink| sink.lost()).sum()
    }

    pub(super) fn counts(&self) -> Vec<Arc<Counts>> {
        lock(&self.sinks).clone()
    }
}

impl Status for SinkStats {
    /// What sinks lost is of now: that may be long after the last kill.
    fn totals(&self) -> Totals {
        let sink_lost = self.lost(|_| true);
        Totals { sink_lost, ..*lock(&self.totals) }
    }

    fn start(&self) -> Timestamp {
        self.start.0
    }

    fn ping(&self) -> Option<oneshot::Receiver<()>> {
        let (sender, sign) = oneshot::channel();
        // Where nobody takes it, the sign fails to come at once.
        let _ = self.pings.get()?.send(sender);
        Some(sign)
    }

    fn sinks(&self) -> Vec<SinkTotals> {
        let next = self.backlog.get().map_or(0, |backlog| backlog.next());
        lock(&self.sinks).iter().map(|counts| counts.totals(next)).collect()
    }

    fn attached(&self) -> Option<Attachment> {
        self.attached.get().copied()
    }

    fn store_works(&self) -> Option<bool> {
        let backlog = self.backlog.get().filter(|_| self.has_store.get() == Some(&true))?;
        Some(backlog.store_works())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
