//! The running agent: from the ring to the sinks, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::demo::Demo;
use super::feed::{Fed, Feed};
use super::ledger::Ledger;
use super::say;
use super::speaker::Speaker;
use crate::bpf::BpfError;
use crate::incident::model::{OomKill, Record};
use crate::sink::{Console, Fanout, SinkTotals};

/// How long victims wait for the end of their incident, and a difference between the kernel's count
/// and ours for the record that explains it. Both come at once; this is for what no hook saw.
const OVERDUE: Duration = Duration::from_secs(1);

/// How long the sinks have to write what waits, at the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What the agent consists of while it runs.
pub(super) struct Stream {
    feed: Feed,
    delivery: Delivery,
}

/// The way of a record from where it was made to the sinks.
struct Delivery {
    fanout: Fanout,
    speaker: Speaker,
    ledger: Ledger,
    demo: Option<Demo>,
    /// Whether it has been said that the probes miss kills.
    net_caught: bool,
}

impl Stream {
    /// Starts to count.
    ///
    /// # Errors
    /// The probes' counters cannot be read.
    pub(super) fn new(feed: Feed, fanout: Fanout, speaker: Speaker) -> Result<Self, BpfError> {
        let ledger = Ledger::open(feed.kills()?);
        let delivery = Delivery { fanout, speaker, ledger, demo: None, net_caught: false };
        Ok(Self { feed, delivery })
    }

    pub(super) async fn run(
        mut self,
        console_closed: &Notify,
        demo: bool,
    ) -> anyhow::Result<ExitCode> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let delivery = &mut self.delivery;
        delivery.tell(delivery.speaker.started());
        if let Some(record) = delivery.speaker.degraded() {
            delivery.send(record);
        }
        delivery.demo = demo.then(Demo::start);
        let mut reader_gone = false;
        loop {
            let unsettled = self.feed.is_waiting() || self.delivery.ledger.is_unsettled();
            let until_stuck = self.feed.until_stuck();
            tokio::select! {
                readable = self.feed.readable() => {
                    readable?;
                    let kernel_kills = self.delivery.ledger.kernel_kills();
                    self.drain();
                    self.delivery.ledger.compare(kernel_kills);
                }
                () = sleep(OVERDUE), if unsettled => self.settle()?,
                () = sleep(until_stuck.unwrap_or_default()), if until_stuck.is_some() => {
                    let Self { feed, delivery } = &mut self;
                    feed.stuck(|fed| delivery.take(fed));
                }
                _ = hangup.recv() => self.delivery.fanout.reopen(),
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = console_closed.notified() => {
                    reader_gone = true;
                    break;
                }
                () = Demo::over(&mut self.delivery.demo) => break,
            }
        }
        self.stop(reader_gone)
    }

    /// Takes all there is.
    fn drain(&mut self) {
        let Self { feed, delivery } = self;
        feed.drain(|fed| delivery.take(fed));
    }

    /// What waits for more gets none.
    fn flush(&mut self) {
        let Self { feed, delivery } = self;
        feed.flush(|fed| delivery.take(fed));
    }

    /// Nothing has come for a while: what waits for more gets none, and a difference to the
    /// kernel's count is no kill on its way.
    fn settle(&mut self) -> Result<(), BpfError> {
        let kernel_kills = self.delivery.ledger.kernel_kills();
        // First: what the drain brings has waited for nothing yet.
        self.flush();
        self.drain();
        let delivery = &mut self.delivery;
        if let Some(unseen) = delivery.ledger.settle(kernel_kills) {
            let sink_lost = delivery.sink_lost(|_| true);
            let totals = delivery.ledger.totals(kernel_kills, self.feed.lost()?, sink_lost);
            delivery.tell(delivery.speaker.gap(unseen, totals));
        }
        Ok(())
    }

    /// Detaches, drains the ring, flushes the sinks and reports the totals. What the console could
    /// not take because its reader has gone is no loss.
    fn stop(mut self, reader_gone: bool) -> anyhow::Result<ExitCode> {
        // Before the hooks leave: what the kernel kills later is not ours to have seen.
        let kernel_kills = self.delivery.ledger.kernel_kills();
        let lost = self.feed.lost()?;
        self.feed.detach();
        self.drain();
        self.flush();

        let counts = |sink: &SinkTotals| !(reader_gone && sink.name == Console::NAME);
        let mut delivery = self.delivery;
        let unseen = delivery.ledger.close(kernel_kills);
        let totals = delivery.ledger.totals(kernel_kills, lost, delivery.sink_lost(counts));
        if let Some(unseen) = unseen {
            delivery.tell(delivery.speaker.gap(unseen, totals));
        }
        delivery.tell(delivery.speaker.stopped(totals));
        for sink in delivery.fanout.close(CLOSE_WITHIN) {
            if sink.lost() > 0 && counts(&sink) {
                let why = sink.last_error.as_deref().unwrap_or("it was too slow");
                say(format_args!("output {}: {} records lost: {why}", sink.name, sink.lost()));
            }
        }
        delivery.demo.map_or(Ok(ExitCode::SUCCESS), Demo::finish)
    }
}

impl Delivery {
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
        let sinks = self.fanout.totals();
        sinks.iter().filter(|sink| counts(sink)).map(SinkTotals::lost).sum()
    }

    /// To people and machines.
    fn tell(&self, record: Record) {
        if let Record::Agent(agent) = &record {
            say(&agent.message);
        }
        self.send(record);
    }

    fn send(&self, record: Record) {
        self.fanout.send(&Arc::new(record));
    }
}
