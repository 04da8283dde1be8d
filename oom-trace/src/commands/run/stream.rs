//! The running agent: from the ring to the sinks, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::demo::Demo;
use super::ledger::Ledger;
use super::say;
use super::speaker::Speaker;
use crate::bpf::{Probes, Ring};
use crate::enrich::Enricher;
use crate::enrich::clock::Clock;
use crate::incident::assemble::{Assembler, Incident};
use crate::incident::model::{OomKill, Record};
use crate::sink::{Console, Fanout, SinkTotals};
use crate::wire::decode;

/// How long victims wait for the end of their incident. The kernel returns from
/// `oom_kill_process` at once; this is for a return that no hook saw.
const END_OVERDUE: Duration = Duration::from_secs(1);

/// How long the sinks have to write what waits, at the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The parts.
pub(super) struct Stream {
    pub(super) probes: Probes,
    pub(super) ring: Ring,
    pub(super) enricher: Enricher,
    pub(super) fanout: Fanout,
    pub(super) speaker: Speaker,
}

impl Stream {
    pub(super) async fn run(
        mut self,
        console_closed: &Notify,
        demo: bool,
    ) -> anyhow::Result<ExitCode> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut ledger = Ledger::open(self.probes.counters()?.kills);
        let mut assembler = Assembler::default();
        self.tell(self.speaker.started());
        if let Some(record) = self.speaker.degraded() {
            self.tell_sinks(record);
        }
        let mut demo = demo.then(Demo::start);
        let mut reader_gone = false;
        loop {
            tokio::select! {
                readable = self.ring.readable() => {
                    readable?;
                    self.drain(&mut assembler, &mut ledger, &mut demo);
                }
                () = sleep(END_OVERDUE), if assembler.is_waiting() => {
                    self.deliver(assembler.flush(), &mut ledger, &mut demo);
                }
                _ = hangup.recv() => self.fanout.reopen(),
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = console_closed.notified() => {
                    reader_gone = true;
                    break;
                }
                () = Demo::over(&mut demo) => break,
            }
        }
        self.stop(assembler, ledger, demo, reader_gone)
    }

    /// Takes all there is in the ring.
    fn drain(&mut self, assembler: &mut Assembler, ledger: &mut Ledger, demo: &mut Option<Demo>) {
        while let Some(event) = self.ring.take(decode) {
            match event {
                Ok(event) => self.deliver(assembler.push(event), ledger, demo),
                Err(error) => {
                    ledger.malformed();
                    say(format_args!("a record of the eBPF program is unreadable: {error}"));
                }
            }
        }
    }

    fn deliver(
        &mut self,
        incident: Option<Incident>,
        ledger: &mut Ledger,
        demo: &mut Option<Demo>,
    ) {
        let Some(incident) = incident else { return };
        for kill in self.enricher.records(&incident, Clock::now()) {
            ledger.record(&kill);
            if let Some(demo) = demo {
                demo.saw(&kill);
            }
            self.send(kill);
        }
    }

    fn send(&self, kill: OomKill) {
        self.fanout.send(&Arc::new(Record::OomKill(Box::new(kill))));
    }

    /// Detaches, drains the ring, flushes the sinks and reports the totals. What the console could
    /// not take because its reader has gone is no loss.
    fn stop(
        mut self,
        mut assembler: Assembler,
        mut ledger: Ledger,
        mut demo: Option<Demo>,
        reader_gone: bool,
    ) -> anyhow::Result<ExitCode> {
        // Before the hooks leave: what the kernel kills later is not ours to have seen.
        let kernel_kills = ledger.kernel_kills();
        let ring_lost = self.probes.counters()?.ring_lost;
        self.probes.detach();
        self.drain(&mut assembler, &mut ledger, &mut demo);
        self.deliver(assembler.flush(), &mut ledger, &mut demo);

        let counts = |sink: &SinkTotals| !(reader_gone && sink.name == Console::NAME);
        let sinks = self.fanout.totals();
        let sink_lost = sinks.iter().filter(|sink| counts(sink)).map(SinkTotals::lost).sum();
        let totals = ledger.totals(kernel_kills, ring_lost, sink_lost);
        if let Some(record) = self.speaker.gap(totals) {
            self.tell(record);
        }
        self.tell(self.speaker.stopped(totals));
        for sink in self.fanout.close(CLOSE_WITHIN) {
            if sink.lost() > 0 && counts(&sink) {
                let why = sink.last_error.as_deref().unwrap_or("it was too slow");
                say(format_args!("output {}: {} records lost: {why}", sink.name, sink.lost()));
            }
        }
        demo.map_or(Ok(ExitCode::SUCCESS), Demo::finish)
    }

    /// To people and machines.
    fn tell(&self, record: Record) {
        if let Record::Agent(agent) = &record {
            say(&agent.message);
        }
        self.tell_sinks(record);
    }

    fn tell_sinks(&self, record: Record) {
        self.fanout.send(&Arc::new(record));
    }
}
