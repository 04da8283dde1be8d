//! The running agent: from the ring to the sinks, until it is told to stop.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::demo::Demo;
use super::feed::{Fed, Feed};
use super::ledger::Ledger;
use super::reload::Reloader;
use super::speaker::Speaker;
use crate::delivery::{Board, Delivery};
use crate::incident::model::{OomKill, Record};
use crate::say::say;
use crate::sink::{Console, SinkTotals};

/// How long victims wait for the end of their incident, and a difference between the kernel's count
/// and ours for the record that explains it. Both come at once; this is for what no hook saw.
const OVERDUE: Duration = Duration::from_secs(1);

/// How long the sinks and the store have to write what waits, at the end: with a second for the hooks
/// to leave and half of one for standard error, SIGTERM is answered within five seconds.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What the agent consists of while it runs.
pub(super) struct Stream {
    feed: Feed,
    desk: Desk,
    board: Arc<Board>,
    reloader: Reloader,
}

/// Where a record passes on its way from where it was made to the sinks.
struct Desk {
    delivery: Delivery,
    speaker: Speaker,
    ledger: Ledger,
    demo: Option<Demo>,
    /// Whether it has been said that the probes miss kills.
    net_caught: bool,
}

impl Stream {
    /// Starts to count.
    pub(super) fn new(
        feed: Feed,
        delivery: Delivery,
        board: Arc<Board>,
        speaker: Speaker,
        reloader: Reloader,
    ) -> Self {
        let ledger = Ledger::open(feed.kills());
        let desk = Desk { delivery, speaker, ledger, demo: None, net_caught: false };
        Self { feed, desk, board, reloader }
    }

    pub(super) async fn run(
        mut self,
        missed: Vec<Record>,
        console_closed: &Notify,
        demo: bool,
    ) -> anyhow::Result<ExitCode> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        // Who reads that it is there may end it at once.
        self.begin(missed);
        self.desk.demo = demo.then(Demo::start);
        let mut reader_gone = false;
        loop {
            let unsettled = self.feed.is_waiting() || self.desk.ledger.is_unsettled();
            let until_stuck = self.feed.until_stuck();
            tokio::select! {
                readable = self.feed.readable() => {
                    readable?;
                    let kernel_kills = self.desk.ledger.kernel_kills();
                    self.drain();
                    self.desk.ledger.compare(kernel_kills);
                    self.post(kernel_kills);
                }
                () = sleep(OVERDUE), if unsettled => self.settle(),
                () = sleep(until_stuck.unwrap_or_default()), if until_stuck.is_some() => {
                    let Self { feed, desk, .. } = &mut self;
                    feed.stuck(|fed| desk.take(fed));
                }
                _ = hangup.recv() => self.reload(),
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = console_closed.notified() => {
                    reader_gone = true;
                    break;
                }
                () = Demo::over(&mut self.desk.demo) => break,
            }
        }
        self.stop(reader_gone)
    }

    /// Says that it is there, and tells of kills from before.
    fn begin(&mut self, missed: Vec<Record>) {
        let desk = &mut self.desk;
        desk.tell(desk.speaker.started());
        if let Some(record) = desk.speaker.degraded() {
            desk.send(record);
        }
        // What the hooks saw while the log was read, the log may tell as well.
        let mut seen = HashSet::new();
        self.feed.drain(|fed| {
            if let Fed::Record(Record::OomKill(kill)) = &fed {
                seen.insert(kill.victim.tid);
            }
            desk.take(fed);
        });
        let is_new =
            |record: &Record| record.kill().is_none_or(|kill| !seen.contains(&kill.victim.tid));
        let missed: Vec<_> = missed.into_iter().filter(is_new).collect();
        match missed.len() {
            0 => {}
            1 => say("a kill from before this start is told from the kernel's log"),
            many => say(format_args!(
                "{many} kills from before this start are told from the kernel's log"
            )),
        }
        missed.into_iter().for_each(|record| desk.send(record));
    }

    /// Takes all there is.
    fn drain(&mut self) {
        let Self { feed, desk, .. } = self;
        feed.drain(|fed| desk.take(fed));
    }

    /// Files are opened anew, and the configuration is read again.
    fn reload(&mut self) {
        self.desk.delivery.reopen();
        if let Some(config) = self.reloader.reload(&mut self.desk.delivery) {
            self.feed.configure(config);
        }
    }

    /// For those who ask how it stands.
    fn post(&self, kernel_kills: Option<u64>) {
        let sink_lost = self.desk.sink_lost(|_| true);
        self.board.set_totals(self.desk.ledger.totals(kernel_kills, self.feed.lost(), sink_lost));
    }

    /// What waits for more gets none.
    fn flush(&mut self) {
        let Self { feed, desk, .. } = self;
        feed.flush(|fed| desk.take(fed));
    }

    /// Nothing has come for a while: what waits for more gets none, and a difference to the
    /// kernel's count is no kill on its way.
    fn settle(&mut self) {
        let kernel_kills = self.desk.ledger.kernel_kills();
        // First: what the drain brings has waited for nothing yet.
        self.flush();
        self.drain();
        let desk = &mut self.desk;
        if let Some(unseen) = desk.ledger.settle(kernel_kills) {
            let sink_lost = desk.sink_lost(|_| true);
            let totals = desk.ledger.totals(kernel_kills, self.feed.lost(), sink_lost);
            desk.tell(desk.speaker.gap(unseen, totals));
        }
        self.post(kernel_kills);
    }

    /// Detaches, drains the ring, flushes the sinks and reports the totals. What the console could
    /// not take because its reader has gone is no loss.
    fn stop(mut self, reader_gone: bool) -> anyhow::Result<ExitCode> {
        // Before the hooks leave: what the kernel kills later is not ours to have seen.
        let kernel_kills = self.desk.ledger.kernel_kills();
        let lost = self.feed.lost();
        self.feed.detach();
        self.drain();
        self.flush();

        let counts = |sink: &SinkTotals| !(reader_gone && sink.name == Console::NAME);
        let mut desk = self.desk;
        let unseen = desk.ledger.close(kernel_kills);
        let totals = desk.ledger.totals(kernel_kills, lost, desk.sink_lost(counts));
        if let Some(unseen) = unseen {
            desk.tell(desk.speaker.gap(unseen, totals));
        }
        desk.tell(desk.speaker.stopped(totals));
        for sink in desk.delivery.close(CLOSE_WITHIN).into_iter().filter(counts) {
            say_how_it_ended(&sink);
        }
        desk.demo.map_or(Ok(ExitCode::SUCCESS), Demo::finish)
    }
}

fn say_how_it_ended(sink: &SinkTotals) {
    let SinkTotals { name, waiting, .. } = sink;
    let why = sink.last_error.as_deref().unwrap_or("it was too slow");
    if sink.lost() > 0 {
        say(format_args!("output {name}: {} records lost: {why}", sink.lost()));
    }
    if sink.kept && *waiting > 0 {
        say(format_args!("output {name}: {waiting} records wait in the store: {why}"));
    }
}

impl Desk {
    fn take(&mut self, fed: Fed) {
        match fed {
            Fed::Record(Record::OomKill(kill)) => self.kill(kill),
            Fed::Record(record) => self.send(record),
            Fed::Malformed(why) => {
                self.ledger.malformed();
                say(why);
            }
        }
    }

    fn kill(&mut self, kill: Box<OomKill>) {
        self.ledger.record(&kill);
        if let Some(demo) = &mut self.demo {
            demo.saw(&kill);
        }
        let missed = self.speaker.is_net(kill.source) && !self.net_caught;
        self.send(Record::OomKill(kill));
        if missed {
            self.net_caught = true;
            self.tell(self.speaker.net_caught());
        }
    }

    fn sink_lost(&self, counts: impl Fn(&SinkTotals) -> bool) -> u64 {
        let sinks = self.delivery.totals().into_iter().chain(self.delivery.replaced());
        sinks.filter(|sink| counts(sink)).map(|sink| sink.lost()).sum()
    }

    /// To people and machines.
    fn tell(&self, record: Record) {
        if let Record::Agent(agent) = &record {
            say(&agent.message);
        }
        self.send(record);
    }

    fn send(&self, record: Record) {
        self.delivery.send(Arc::new(record));
    }
}
