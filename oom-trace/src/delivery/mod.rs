//! From the agent to the sinks: each sink is on its own thread and reads one backlog at its own pace,
//! so that one that is stuck delays neither the reader of the ring nor another sink.
//!
//! With a store, records are saved first and then delivered, and the store knows how far each sink
//! is: what a sink did not take it gets after the agent's next start.

mod backlog;
mod fold;
mod report;
mod stats;
mod store_writer;
mod worker;

use std::convert::Infallible;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

use self::backlog::{Backlog, Number, PATIENCE, Reader, WaitOutcome};
use self::fold::Fold;
use self::stats::Counts;
use self::store_writer::StoreWriter;
use self::worker::{Progress, Signals, Worker};
use crate::incident::model::Record;
use crate::reserve;
use crate::sink::{Choice, FilterState, Sink, SinkTotals, Status as _};
use crate::store::{Archive, LateStore};
use crate::units::Counted;

pub use report::{Report, Reporter};
pub use stats::SinkStats;

/// Bytes of records in memory, as [`Record::weight`] estimates them: a group kill of some thousand
/// processes is one burst.
pub const CAPACITY: usize = 16 << 20;

/// How long a sink waits for a store that cannot be read: a disk may be mended. People are to hear of the
/// next kill all the same.
const UNREADABLE: Duration = Duration::from_secs(600);

/// What a TLS handshake takes in a debug build, with room. A page that is not touched costs nothing.
const STACK_BYTES: usize = 1 << 20;

/// Why there is no delivery.
#[derive(Debug, Error)]
#[error("cannot start a thread for {whom}: {error}")]
pub struct ThreadError {
    whom: String,
    error: io::Error,
}

/// A sink and which records it gets.
#[derive(Debug)]
pub struct ConfiguredSink {
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// Which.
    pub choice: Choice,
}

/// All sinks and the store.
pub struct Delivery {
    backlog: Arc<Backlog>,
    stats: Arc<SinkStats>,
    report: Reporter,
    handles: Vec<SinkHandle>,
    /// Those that were replaced, until the end.
    ending: Vec<SinkHandle>,
    /// The store's, and what tells it to end.
    writer: Option<(Thread, Arc<AtomicBool>)>,
    /// Whether there is to be a store, and how its readers are made.
    archive: Option<Archive>,
}

impl Debug for Delivery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// Lets whoever can wait keep pace with the store.
#[derive(Debug, Clone)]
pub struct Pace(Arc<Backlog>);

impl Pace {
    /// Waits until the store works and has saved most of what there is; `false` if the end came first.
    #[must_use]
    pub fn wait(&self) -> bool {
        self.0.wait_for_store()
    }

    /// Whether the store works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.store_works()
    }

    /// Waits so long; `false` if the end came first.
    #[must_use]
    pub fn pause(&self, duration: Duration) -> bool {
        self.0.pause(duration, &AtomicBool::new(false)) == WaitOutcome::Passed
    }
}

/// A sink's thread, seen from here.
struct SinkHandle {
    counts: Arc<Counts>,
    signals: Arc<Signals>,
    thread: Thread,
}

struct Thread {
    /// Says nothing; its end is the thread's.
    finished: Receiver<Infallible>,
    thread: JoinHandle<()>,
}

impl Delivery {
    /// Starts a thread for each sink, and one for the store. `report` may block only whom it is about.
    ///
    /// # Errors
    /// The kernel gives no further thread.
    pub fn start(
        sinks: Vec<ConfiguredSink>,
        store: Option<LateStore>,
        capacity: usize,
        stats: &Arc<SinkStats>,
        report: Reporter,
    ) -> Result<Self, ThreadError> {
        let next = store.as_ref().map_or(1, LateStore::next);
        let is_open = store.as_ref().is_some_and(LateStore::is_open);
        let backlog = Arc::new(Backlog::new(capacity, next, is_open, PATIENCE));
        stats.set_backlog(&backlog, store.is_some());
        let mut delivery = Self {
            backlog,
            stats: Arc::clone(stats),
            report,
            handles: Vec::new(),
            ending: Vec::new(),
            writer: None,
            archive: store.as_ref().map(LateStore::archive),
        };
        for configured in sinks {
            let kept = store.as_ref().filter(|_| configured.sink.is_durable());
            let cursor = kept.and_then(|store| store.cursor(configured.sink.name()));
            let cursor = cursor.map_or(next, |cursor| cursor.min(next));
            delivery.add(configured, &AtomicU64::new(cursor))?;
        }
        delivery.writer = store.map(|store| delivery.keep(store)).transpose()?;
        Ok(delivery)
    }

    /// Starts one more sink; `cursor` is the first record that it has not got. Answers where it begins.
    fn add(
        &mut self,
        configured: ConfiguredSink,
        cursor: &AtomicU64,
    ) -> Result<Number, ThreadError> {
        let ConfiguredSink { sink, choice: Choice { filter, backfill, fold, by_pod } } = configured;
        let is_kept = sink.is_durable() && self.archive.is_some();
        let reader = if sink.is_durable() { Reader::AfterStore } else { Reader::AtOnce };
        // Before it is read again: from here on nothing goes from memory that is not done with.
        let place = self.backlog.join(cursor, reader);
        let at = cursor.load(Relaxed);
        let counts = Arc::new(Counts::new(sink.name(), at, is_kept));
        let signals = Arc::new(Signals::default());
        let worker = Worker {
            sink,
            filter: FilterState::new(filter).sparing(backfill),
            fold: fold.map(|fold| Fold::new(fold, by_pod)),
            at,
            taken: at,
            backlog: Arc::clone(&self.backlog),
            place,
            archive: self.archive.as_ref().map(Archive::another),
            patience: UNREADABLE,
            counts: Arc::clone(&counts),
            signals: Arc::clone(&signals),
            report: Arc::clone(&self.report),
            progress: Progress::default(),
        };
        let thread = spawn(&counts.name, move || worker.run())?;
        self.stats.add(&counts);
        self.handles.push(SinkHandle { counts, signals, thread });
        Ok(at)
    }

    fn keep(&self, store: LateStore) -> Result<(Thread, Arc<AtomicBool>), ThreadError> {
        let end = Arc::new(AtomicBool::new(false));
        let writer = StoreWriter::new(
            store,
            Arc::clone(&self.backlog),
            Arc::clone(&self.stats),
            Arc::clone(&self.report),
            Arc::clone(&end),
        );
        Ok((spawn("store", move || writer.run())?, end))
    }

    /// Hands a record to every sink and to the store. Never waits for one.
    pub fn send(&self, record: Arc<Record>) {
        self.backlog.push(record);
    }

    /// How many bytes of records there may be in memory from now on. What is too much goes: first what
    /// the store has, then details, then the oldest records.
    pub fn set_bound(&self, bytes: usize) {
        self.backlog.set_bound(bytes);
    }

    /// Bytes of records in memory.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.backlog.used()
    }

    /// Records that lost details since the start, for want of room in memory.
    #[must_use]
    pub fn shrunk(&self) -> u64 {
        self.backlog.shrunk()
    }

    /// For a thread that has records to tell and may wait with them.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace(Arc::clone(&self.backlog))
    }

    /// Has every sink open its destination anew before its next record, at once if it is idle.
    pub fn reopen(&self) {
        for handle in &self.handles {
            handle.signals.reopen.store(true, Relaxed);
            self.backlog.wake(&handle.signals.wake);
        }
    }

    /// Ends the sinks of these names and starts others. One that has the name of one that ends goes on
    /// where that was, and so does one of a name that ended before, if the store keeps its records. Waits
    /// for nobody: a sink that is busy ends when it is done with that.
    ///
    /// # Errors
    /// The kernel gives no further thread. All that ran goes on.
    pub fn replace(
        &mut self,
        ended: &[String],
        sinks: Vec<ConfiguredSink>,
    ) -> Result<(), ThreadError> {
        let (gone, stay): (Vec<_>, Vec<_>) =
            self.handles.drain(..).partition(|handle| ended.contains(&handle.counts.name));
        let stays = stay.len();
        self.handles = stay;
        let mut heirs = Vec::new();
        // These take their places before the others leave theirs.
        let begun = sinks.into_iter().try_for_each(|configured| {
            let name = configured.sink.name();
            let ends = gone.iter().find(|handle| handle.counts.name == name);
            let before = match ends {
                Some(handle) => Some(Arc::clone(&handle.counts)),
                None => self.stats.left(name),
            };
            let next = AtomicU64::new(self.backlog.next());
            let at = self.add(configured, before.as_ref().map_or(&next, |it| it.heritage()))?;
            heirs.extend(before.map(|before| (before, at)));
            Ok(())
        });
        if let Err(error) = begun {
            let begun = self.handles.split_off(stays);
            self.handles.extend(gone);
            self.end(begun);
            return Err(error);
        }
        for (before, at) in heirs {
            let _ = before.heir.set(at);
        }
        self.end(gone);
        // Who is done by now gives back its stack.
        self.ending.retain(|handle| !handle.thread.thread.is_finished());
        Ok(())
    }

    /// Has them end, when they are done with what they are at.
    fn end(&mut self, handles: Vec<SinkHandle>) {
        for handle in &handles {
            self.stats.remove(&handle.counts);
            handle.signals.end.store(true, Relaxed);
            self.backlog.wake(&handle.signals.wake);
        }
        self.ending.extend(handles);
    }

    /// How each sink stands now.
    #[must_use]
    pub fn totals(&self) -> Vec<SinkTotals> {
        self.stats.sinks()
    }

    /// Records lost by those sinks that count, of what were replaced, too.
    pub fn lost(&self, counts: impl Fn(&SinkTotals) -> bool) -> u64 {
        self.stats.lost(counts)
    }

    /// Has the sinks deliver what waits, flush and end, and then the store save that, all within
    /// `deadline`, of which a quarter is the store's alone. Who is stuck is left behind: its thread
    /// ends with the process.
    #[must_use]
    pub fn close(self, deadline: Duration) -> Vec<SinkTotals> {
        let start = Instant::now();
        self.backlog.close();
        for SinkHandle { counts, signals: _, thread } in self.handles.into_iter().chain(self.ending)
        {
            let sinks = deadline - deadline / 4;
            let in_time = thread.finish(sinks.saturating_sub(start.elapsed()));
            counts.stuck.store(!in_time, Relaxed);
        }
        if let Some((thread, end)) = self.writer {
            self.backlog.wake(&end);
            if !thread.finish(deadline.saturating_sub(start.elapsed())) {
                let unsaved = Counted(self.backlog.unsaved_count(), "record");
                let said = format!("{unsaved} not saved in time");
                (self.report)(Report::Store { said });
            }
        }
        self.stats.sinks()
    }
}

impl Thread {
    /// Waits for its end; whether that came, and no panic before it.
    fn finish(self, within: Duration) -> bool {
        match self.finished.recv_timeout(within) {
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => self.thread.join().is_ok(),
            Ok(never) => match never {},
        }
    }
}

fn spawn(whose: &str, run: impl FnOnce() + Send + 'static) -> Result<Thread, ThreadError> {
    let (running, finished) = sync_channel(0);
    let run = move || {
        let _running = running;
        reserve::sink_stack();
        run();
    };
    // The kernel cuts it to 15 bytes, and takes no NUL.
    let name = whose.replace('\0', "");
    let thread = Builder::new().name(name).stack_size(STACK_BYTES).spawn(run);
    let thread = thread.map_err(|error| ThreadError { whom: whose.to_owned(), error })?;
    Ok(Thread { finished, thread })
}

#[cfg(test)]
mod tests;
