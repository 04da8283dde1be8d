//! The running agent: from the ring to the sinks, until it is told to stop.

use std::future::ready;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use super::account::Account;
use super::agent_events::AgentEvents;
use super::backfill::{Backfill, Found};
use super::feed::{Fed, Feed};
use crate::bpf::Pieces;
use crate::budget::Budget;
use crate::config;
use crate::delivery::{Delivery, SinkStats};
use crate::incident::model::{OomKill, Record, Totals};
use crate::notify::Manager;
use crate::reserve;
use crate::say::say;
use crate::sink::{Console, SinkTotals};
use crate::units::Counted;

/// After how long what has not come is taken not to come, and the kernel's log and its count are asked
/// for what no hook saw.
const OVERDUE: Duration = Duration::from_secs(1);

/// How long the sinks and the store have to write what waits, at the end: with a second for the hooks
/// to leave and half of one for standard error, SIGTERM is answered within five seconds.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What the agent consists of while it runs.
pub(crate) struct Stream {
    feed: Feed,
    dispatcher: Dispatcher,
    stats: Arc<SinkStats>,
    budget: Budget,
    manager: Manager,
}

/// Is shown each kill.
pub(crate) type Watcher = Box<dyn FnMut(&OomKill)>;

/// How the agent is governed while it runs.
pub(crate) struct Controls<'a, Over, Reload> {
    /// Told when the reader of the console has gone.
    pub(crate) console_closed: &'a Notify,
    /// Taken since before anything was opened.
    pub(crate) hangup: Signal,
    /// Ready when there is no more to be done.
    pub(crate) over: Over,
    /// Reads the configuration again and brings the outputs in line with it; the new one, if it could
    /// be read.
    pub(crate) reload: Reload,
}

/// Where a record passes on its way from where it was made to the sinks.
struct Dispatcher {
    delivery: Delivery,
    events: AgentEvents,
    account: Account,
    watcher: Option<Watcher>,
    /// Kills from before the start.
    backfill: Backfill,
    /// Whether it has been said that the probes miss kills.
    missed_by_probes_told: bool,
    /// Kills that only the kernel's log tells of and that have not been said to be.
    missed: u64,
}

impl Stream {
    pub(crate) fn new(
        feed: Feed,
        delivery: Delivery,
        stats: Arc<SinkStats>,
        events: AgentEvents,
        account: Account,
        backfill: Backfill,
        watcher: Option<Watcher>,
    ) -> Self {
        let (missed_by_probes_told, missed) = (false, 0);
        let dispatcher = Dispatcher {
            delivery,
            events,
            account,
            watcher,
            backfill,
            missed_by_probes_told,
            missed,
        };
        let mut stream =
            Self { feed, dispatcher, stats, budget: Budget::here(), manager: Manager::here() };
        stream.keep_within_budget();
        stream
    }

    /// Until it is told to stop. How each output ended.
    ///
    /// # Errors
    /// The feed cannot be waited for.
    pub(crate) async fn run<Over, Reload>(
        mut self,
        controls: Controls<'_, Over, Reload>,
    ) -> io::Result<Vec<SinkTotals>>
    where
        Over: Future<Output = ()>,
        Reload: FnMut(&mut Delivery) -> Option<config::Run>,
    {
        let Controls { console_closed, mut hangup, over, mut reload } = controls;
        let mut over = pin!(over);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut pings = self.stats.take_pings();
        let started = self.dispatcher.events.started();
        // Kills are seen from here on.
        say_of(&started);
        // What only a start runs makes way before what a record takes is touched: that it is there is the
        // first record. Who reads it may end it at once.
        let mut pieces = Some(Pieces::cut());
        self.begin(started);
        // Signals are looked for when there is nothing else to do.
        yield_now().await;
        let is_told_to_stop = tokio::select! {
            biased;
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            () = ready(()) => false,
        };
        // At a hundredth of a processor what follows takes seconds.
        if is_told_to_stop {
            return Ok(self.stop(false));
        }
        // Kills are seen already, and wait for it.
        reserve::heap();
        reserve::stack();
        self.keep_within_budget();
        self.feed.rehearse();
        self.manager.ready(&self.dispatcher.events.status(Totals::default()));
        let mut reader_gone = false;
        // Not put off by what comes meanwhile: a storm may last. Once in any case: the log may tell of
        // a kill that was on its way when the hooks came.
        let mut settle_at = Some(Instant::now() + OVERDUE);
        let pulse = self.manager.pulse();
        let mut pulse_at = Instant::now();
        loop {
            if settle_at.is_none() && self.is_unsettled() {
                settle_at = Some(Instant::now() + OVERDUE);
            }
            let (until_stuck, until_line) = (self.feed.until_stuck(), self.feed.until_line());
            tokio::select! {
                readable = self.feed.readable() => {
                    readable?;
                    self.keep_within_budget();
                    self.drain();
                    // Once the records are on their way; those of what was counted by then follow.
                    let count = self.dispatcher.account.count();
                    self.drain();
                    self.dispatcher.account.compare(count, self.feed.open_kills());
                    self.post(count);
                }
                () = sleep(until_line.unwrap_or_default()), if until_line.is_some() => {
                    let Self { feed, dispatcher, .. } = &mut self;
                    feed.look_again(|fed| dispatcher.take(fed));
                }
                () = sleep_until(settle_at.unwrap_or_else(Instant::now)), if settle_at.is_some() => {
                    settle_at = None;
                    self.settle();
                    // The first time all is done that a start does.
                    drop(pieces.take());
                }
                () = sleep(until_stuck.unwrap_or_default()), if until_stuck.is_some() => {
                    let Self { feed, dispatcher, .. } = &mut self;
                    feed.stuck(|fed| dispatcher.take(fed));
                }
                // From here, since it is this thread that may not hang.
                () = sleep_until(pulse_at), if pulse.is_some() => {
                    self.manager.alive();
                    pulse_at = Instant::now() + pulse.unwrap_or_default();
                }
                found = self.dispatcher.backfill.next(), if self.dispatcher.backfill.is_under_way() => {
                    self.found(found);
                }
                // Whoever asks means this thread, too.
                Some(asked) = pings.recv() => {
                    let _ = asked.send(());
                }
                _ = hangup.recv() => {
                    // Files are opened anew, too.
                    self.dispatcher.delivery.reopen();
                    if let Some(config) = reload(&mut self.dispatcher.delivery) {
                        self.feed.configure(&config);
                    }
                }
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = console_closed.notified() => {
                    reader_gone = true;
                    break;
                }
                () = &mut over => break,
            }
        }
        Ok(self.stop(reader_gone))
    }

    /// Says that it is there.
    fn begin(&mut self, started: Record) {
        let dispatcher = &mut self.dispatcher;
        dispatcher.send(started);
        if let Some(record) = dispatcher.events.degraded() {
            dispatcher.send(record);
        }
        self.drain();
    }

    /// Tells of a kill from before the start; at the end, how many.
    fn found(&mut self, found: Option<Found>) {
        let backfill = &mut self.dispatcher.backfill;
        match found {
            Some(found) => {
                if let Some(record) = backfill.take(found) {
                    self.dispatcher.send(record);
                }
            }
            None => backfill.sum_up().for_each(say),
        }
    }

    /// What waits in memory takes no more than this process may use by now: its limits change, and
    /// others use what is under them. A quarter is for the incident that is being put together.
    fn keep_within_budget(&mut self) {
        self.budget.refresh(self.dispatcher.delivery.used_bytes() as u64);
        let bytes = usize::try_from(self.budget.backlog_bytes()).unwrap_or(usize::MAX);
        self.feed.set_bound(bytes / 4);
        self.dispatcher.delivery.set_bound(bytes / 4 * 3);
    }

    /// Takes all there is.
    fn drain(&mut self) {
        let Self { feed, dispatcher, .. } = self;
        feed.drain(|fed| dispatcher.take(fed));
    }

    /// For those who ask how it stands.
    fn post(&mut self, count: Option<u64>) {
        let sink_lost = self.dispatcher.delivery.lost(|_| true);
        let totals = self.dispatcher.account.totals(count, self.feed.lost(), sink_lost);
        self.stats.set_totals(totals);
        if self.manager.is_there() {
            self.manager.status(&self.dispatcher.events.status(totals));
        }
    }

    fn is_unsettled(&self) -> bool {
        self.is_waiting() || self.dispatcher.backfill.is_to_be_compared()
    }

    fn is_waiting(&self) -> bool {
        self.feed.is_waiting() || self.dispatcher.account.is_unsettled()
    }

    /// What should have come by now will not: what waits for more gets none, and a difference to the
    /// kernel's count is no kill on its way.
    fn settle(&mut self) {
        let count = self.dispatcher.account.count();
        let Self { feed, dispatcher, .. } = self;
        feed.settle(|fed| dispatcher.take(fed));
        let unseen = dispatcher.account.settle(count, feed.open_kills());
        let totals =
            dispatcher.account.totals(count, feed.lost(), dispatcher.delivery.lost(|_| true));
        dispatcher.tell_missed(totals);
        if let Some(unseen) = unseen {
            dispatcher.tell(dispatcher.events.gap(unseen, totals));
        }
        if !self.is_waiting() {
            self.dispatcher.say_untold();
        }
        self.post(count);
    }

    /// Detaches, drains the ring, flushes the sinks and reports the totals. What the console could
    /// not take because its reader has gone is no loss.
    fn stop(mut self, reader_gone: bool) -> Vec<SinkTotals> {
        self.manager.stopping();
        // Before the hooks leave: what the kernel kills later is not ours to have seen.
        let count = self.dispatcher.account.count();
        let lost = self.feed.lost();
        self.keep_within_budget();
        self.feed.detach();
        let Self { feed, dispatcher, .. } = &mut self;
        feed.finish(|fed| dispatcher.take(fed));

        let counts = |sink: &SinkTotals| !(reader_gone && sink.name == Console::NAME);
        let mut dispatcher = self.dispatcher;
        if dispatcher.backfill.is_under_way() {
            // What is left the next agent finds.
            dispatcher.backfill.sum_up().for_each(say);
        }
        let unseen = dispatcher.account.close(count);
        dispatcher.say_untold();
        let totals = dispatcher.account.totals(count, lost, dispatcher.delivery.lost(counts));
        dispatcher.tell_missed(totals);
        if let Some(unseen) = unseen {
            dispatcher.tell(dispatcher.events.gap(unseen, totals));
        }
        dispatcher.tell(dispatcher.events.stopped(totals));
        let mut ended = dispatcher.delivery.close(CLOSE_WITHIN);
        ended.retain(counts);
        ended.iter().for_each(say_how_it_ended);
        ended
    }
}

/// Tells people what machines are told of the agent.
fn say_of(record: &Record) {
    if let Record::Agent(agent) = record {
        say(&agent.message);
    }
}

fn say_how_it_ended(sink: &SinkTotals) {
    let SinkTotals { name, waiting, .. } = sink;
    let why = sink.last_error.as_deref().unwrap_or("output too slow");
    if sink.lost() > 0 {
        say(format_args!("output {name}: {} lost: {why}", Counted(sink.lost(), "record")));
    }
    if sink.kept && *waiting > 0 {
        say(format_args!(
            "output {name}: {} waiting in the store: {why}",
            Counted(*waiting, "record")
        ));
    }
}

impl Dispatcher {
    fn take(&mut self, fed: Fed) {
        match fed {
            Fed::Record(Record::OomKill(kill)) => self.kill(kill),
            Fed::Record(record) => self.send(record),
            Fed::Missed(record) => {
                if let Record::OomKill(kill) = record {
                    self.missed += 1;
                    self.kill(kill);
                }
            }
            Fed::Again => self.account.again(),
            Fed::Malformed(why) => {
                self.account.malformed();
                say(why);
            }
        }
    }

    fn kill(&mut self, kill: Box<OomKill>) {
        self.account.record(&kill);
        if let Some(watcher) = &mut self.watcher {
            watcher(&kill);
        }
        let missed = self.events.is_net(kill.source) && !self.missed_by_probes_told;
        self.send(Record::OomKill(kill));
        if missed {
            self.missed_by_probes_told = true;
            self.tell(self.events.missed_by_probes());
        }
    }

    /// Says that kills were told of from the kernel's log.
    fn tell_missed(&mut self, totals: Totals) {
        let missed = std::mem::take(&mut self.missed);
        if missed > 0 {
            self.tell(self.events.log_caught(missed, totals));
        }
    }

    /// Kills from before the start that nobody can tell of.
    fn say_untold(&mut self) {
        let counted = self.account.base();
        self.backfill.compare(counted).into_iter().for_each(say);
    }

    /// To people and machines.
    fn tell(&self, record: Record) {
        say_of(&record);
        self.send(record);
    }

    fn send(&self, record: Record) {
        self.delivery.send(Arc::new(record));
    }
}
