//! What every receiver is put through.

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oom_trace::delivery::{CAPACITY, ConfiguredSink, Delivery, SinkStats};
use oom_trace::incident::model::Record;
use oom_trace::kernel_log::reader::{Zone, read};
use oom_trace::kernel_log::{Machine, Parser};
use oom_trace::sink::{SinkTotals, Spec, Status};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::growing::whole_lines;

/// A program that people run, on this machine.
pub(crate) trait Receiver {
    /// What `--sink` says to reach it.
    fn sink(&self) -> String;

    /// Starts it, with what it had on its disk, and waits until it listens.
    fn start(&mut self);

    /// What runs, if it does.
    fn process(&mut self) -> &mut Process;

    /// Ends it at once.
    fn kill(&mut self) {
        self.process().end(Signal::KILL);
    }

    /// The ids of the records that it wrote down, in its order.
    fn ids(&self) -> Vec<String>;
}

/// A program that runs until it is ended, at the latest when this is dropped.
#[derive(Default)]
pub(crate) struct Process(Option<Child>);

impl Process {
    pub(crate) fn start(&mut self, command: &mut Command) {
        self.0 = Some(command.stdin(Stdio::null()).spawn().unwrap());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.0.as_ref().unwrap()), signal).unwrap();
    }

    /// Does nothing for one that does not run.
    pub(crate) fn end(&mut self, signal: Signal) {
        if self.0.is_some() {
            self.signal(signal);
            self.0.take().unwrap().wait().unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}

/// How long anything may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(120);

const LOG: &[u8] = include_bytes!("../../testdata/logs/6.12-memcg.kmsg");

/// So many records, no two with the same id.
pub(crate) fn records(count: usize) -> Vec<Arc<Record>> {
    let mut first = None;
    let zone = Zone::here(jiff::Timestamp::UNIX_EPOCH);
    let keep = |record| {
        first.get_or_insert(record);
        Ok::<_, std::io::Error>(())
    };
    read(LOG, Parser::new(Machine::default()), &zone, keep).unwrap();
    let Some(Record::OomKill(kill)) = first else { panic!("{first:?}") };
    let another = |number: usize| {
        let mut kill = kill.clone();
        kill.incident = format!("{}-{number}", kill.incident);
        Arc::new(Record::OomKill(kill))
    };
    (0..count).map(another).collect()
}

/// Where a program is that a test needs.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let folders = ["/usr/bin", "/usr/sbin", "/lib/systemd"].map(Path::new);
    let mut paths = folders.iter().map(|folder| folder.join(name));
    let found = paths.find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no {name} here: install Debian's package {package}"))
}

/// Where a tool is that `cargo xtask test` fetches.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools").join(name);
    assert!(path.exists(), "no {}: `cargo xtask test` fetches it", path.display());
    path
}

/// A delivery to one sink.
pub(crate) struct Line {
    delivery: Delivery,
}

impl Line {
    pub(crate) fn to(sink: &str) -> Self {
        let stats = Arc::new(SinkStats::default());
        let agent: Arc<dyn Status> = Arc::<SinkStats>::clone(&stats);
        let spec: Spec = sink.parse().unwrap_or_else(|error| panic!("{sink}: {error}"));
        let sink = spec.open(&agent).unwrap();
        let configured = ConfiguredSink { sink, choice: spec.destination().choice() };
        let report = Arc::new(|report: oom_trace::delivery::Report<'_>| eprintln!("{report}"));
        Self {
            delivery: Delivery::start(vec![configured], None, CAPACITY, &stats, report).unwrap(),
        }
    }

    pub(crate) fn send(&self, records: &[Arc<Record>]) {
        records.iter().for_each(|record| self.delivery.send(Arc::clone(record)));
    }

    pub(crate) fn totals(&self) -> SinkTotals {
        self.delivery.totals().remove(0)
    }

    pub(crate) fn close(self) -> SinkTotals {
        self.delivery.close(SOON).remove(0)
    }
}

/// Waits until it is so.
pub(crate) fn await_that(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < SOON, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ids(records: &[Arc<Record>]) -> Vec<String> {
    records.iter().map(|record| record.id()).collect()
}

/// The id of what each line of the file holds, as far as it is there.
pub(crate) fn ids_in(path: &Path, id: impl Fn(&str) -> String) -> Vec<String> {
    whole_lines(path).lines().map(id).collect()
}

/// Each line of the file is a record.
pub(crate) fn ids_of_lines(path: &Path) -> Vec<String> {
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    ids_in(path, |line| record(line)["id"].as_str().unwrap().to_owned())
}

/// Free a moment ago; a receiver does not start if it is taken meanwhile.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn await_all(receiver: &impl Receiver, records: &[Arc<Record>]) {
    let wanted: HashSet<_> = ids(records).into_iter().collect();
    await_that("all records", || {
        let got: HashSet<_> = receiver.ids().into_iter().collect();
        wanted.is_subset(&got)
    });
}

/// It listens: each record comes once, in order.
pub(crate) fn up(receiver: impl Receiver) {
    up_with(receiver, 200);
}

/// The same where nobody knows whether the last one arrived: the next one waits for that, for a burst
/// may be more than the kernel keeps for a receiver that has no turn.
pub(crate) fn up_without_answers(receiver: impl Receiver) {
    up_with(receiver, 1);
}

fn up_with(mut receiver: impl Receiver, at_once: usize) {
    receiver.start();
    let records = records(200);
    let line = Line::to(&receiver.sink());
    for some in records.chunks(at_once) {
        line.send(some);
        await_all(&receiver, some);
    }
    let totals = line.close();
    assert_eq!((totals.delivered, totals.lost(), totals.stuck), (200, 0, false), "{totals:?}");
    assert_eq!(receiver.ids(), ids(&records));
    receiver.kill();
}

/// It comes up after the agent.
pub(crate) fn down_at_start(mut receiver: impl Receiver) {
    let records = records(20);
    let line = Line::to(&receiver.sink());
    line.send(&records);
    await_that("a failure", || line.totals().last_error.is_some());
    receiver.start();
    await_all(&receiver, &records);
    assert_eq!(line.close().lost(), 0);
    receiver.kill();
}

/// It is killed while records come, and the rest of them comes after.
fn cut_off(receiver: &mut impl Receiver) -> (Line, Vec<Arc<Record>>) {
    receiver.start();
    let records = records(400);
    let line = Line::to(&receiver.sink());
    let (before, after) = records.split_at(200);
    line.send(before);
    await_that("the first", || !receiver.ids().is_empty());
    receiver.kill();
    line.send(after);
    (line, records)
}

/// It is killed while records come, and comes back: each arrives, some perhaps twice.
pub(crate) fn killed_in_the_middle(mut receiver: impl Receiver) {
    let (line, records) = cut_off(&mut receiver);
    receiver.start();
    await_all(&receiver, &records);
    assert_eq!(line.close().lost(), 0);
    receiver.kill();
}

/// The same for one that acknowledges before it has written: what dies with it of that nobody can give
/// it again. Each that it had not acknowledged arrives.
pub(crate) fn killed_with_what_it_acknowledged(mut receiver: impl Receiver) {
    let (line, records) = cut_off(&mut receiver);
    // From now on it acknowledges nothing.
    await_that("a failure", || line.totals().last_error.is_some());
    let acknowledged = usize::try_from(line.totals().delivered).unwrap();
    receiver.start();
    await_all(&receiver, &records[acknowledged..]);
    let totals = line.close();
    assert_eq!((totals.delivered, totals.lost(), totals.stuck), (400, 0, false), "{totals:?}");
    receiver.kill();
}

/// It is there and does not move: the sink waits no longer than it is told, and all arrives when it
/// moves again.
pub(crate) fn asleep(mut receiver: impl Receiver) {
    receiver.start();
    let records = records(100);
    let line = Line::to(&receiver.sink());
    let (before, meanwhile) = records.split_at(50);
    line.send(before);
    await_all(&receiver, before);
    receiver.process().signal(Signal::STOP);
    line.send(meanwhile);
    // Whatever the kernel keeps for it.
    assert!(receiver.ids().len() < records.len());
    receiver.process().signal(Signal::CONT);
    await_all(&receiver, &records);
    assert_eq!(line.close().lost(), 0);
    receiver.kill();
}
