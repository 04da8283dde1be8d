use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use super::backlog::LEAST;
use super::*;
use crate::incident::model::{OomKill, Weight};
use crate::render::fixtures;
use crate::setting::{ByteSize, ConfigDuration};
use crate::sink::{Choice, Disposition, Repeats, SinkError, Status};
use crate::store::{Retention, Store};

mod fold;
mod records;
mod store;

/// A sink whose every step the test allows, by what it answers.
#[derive(Debug)]
struct Gate {
    name: &'static str,
    durable: bool,
    batch: usize,
    due: Option<Instant>,
    entered: Sender<String>,
    answers: Receiver<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Yes,
    No,
    Never,
}
use Answer::{Never, No, Yes};

impl Gate {
    fn pass(&mut self, step: String) -> Result<(), SinkError> {
        self.entered.send(step).unwrap();
        match self.answers.recv() {
            Ok(Yes) => Ok(()),
            Ok(Never) => Err(SinkError::settled("write to", self.name, "no", Disposition::Refused)),
            _ => Err(SinkError::new("write to", self.name, io::ErrorKind::StorageFull.into())),
        }
    }
}

impl Sink for Gate {
    fn name(&self) -> &str {
        self.name
    }
    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        records.iter().try_for_each(|record| self.pass(record.id()))
    }
    fn deliver_repeats(&mut self, last: &Arc<Record>, repeats: &Repeats) -> Result<(), SinkError> {
        self.pass(format!("{} more, to {}", repeats.more, last.id()))
    }
    fn is_durable(&self) -> bool {
        self.durable
    }
    fn batch(&self) -> usize {
        self.batch
    }
    fn reopen(&mut self) -> Result<(), SinkError> {
        self.pass("reopen".into())
    }
    fn due(&self) -> Option<Instant> {
        self.due
    }
    fn settle(&mut self) -> Result<(), SinkError> {
        let settled = self.pass("settle".into());
        self.due = settled.is_err().then(Instant::now);
        settled
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.pass("flush".into())
    }
    fn probe(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The test's end of a [`Gate`].
struct Keys {
    entered: Receiver<String>,
    answers: Sender<Answer>,
}

impl Keys {
    fn expect(&self, step: &str, answer: Answer) {
        assert_eq!(self.entered.recv_timeout(SOON).as_deref(), Ok(step));
        self.answers.send(answer).unwrap();
    }
}

fn gate(name: &'static str, durable: bool) -> (ConfiguredSink, Keys) {
    wide_gate(name, durable, 1)
}

/// One that may be handed so many records at once.
fn wide_gate(name: &'static str, durable: bool, batch: usize) -> (ConfiguredSink, Keys) {
    let (enter, entered) = channel();
    let (answers, answering) = channel();
    let gate = Gate { name, durable, batch, due: None, entered: enter, answers: answering };
    (configured(gate), Keys { entered, answers })
}

fn configured(gate: Gate) -> ConfiguredSink {
    ConfiguredSink { sink: Box::new(gate), choice: Choice::default() }
}

/// What it delivered may be lost on its way, and no other record comes.
#[test]
fn a_sink_is_looked_after_when_it_is_due() {
    let ((enter, entered), (answers, answering)) = (channel(), channel());
    let due = Some(Instant::now());
    let far =
        Gate { name: "far", durable: true, batch: 1, due, entered: enter, answers: answering };
    let keys = Keys { entered, answers };
    let Bench { delivery, reports } = bench(vec![configured(far)], None);
    keys.expect("settle", No);
    let failing = reports.recv_timeout(SOON).unwrap();
    assert!(failing.starts_with("output far: cannot write to far: "), "{failing}");
    keys.expect("settle", Yes);
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "output far: works again");
    keys.answers.send(Yes).unwrap();
    let [far] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((far.delivered, far.lost()), (0, 0));
}

/// So many records find room.
const ROOM: usize = 4;

fn room() -> usize {
    let Weight { own, shared } = record(0).weight();
    ROOM * (own.max(LEAST) + shared)
}

const SOON: Duration = Duration::from_secs(20);

struct Bench {
    delivery: Delivery,
    reports: Receiver<String>,
}

fn bench(sinks: Vec<ConfiguredSink>, store: Option<&Path>) -> Bench {
    let (reporting, reports) = channel();
    let report: Reporter = Arc::new(move |report| reporting.send(report.to_string()).unwrap());
    let store = store.map(|path| LateStore::open(path, &keep()).unwrap());
    let stats = Arc::new(SinkStats::default());
    let delivery = Delivery::start(sinks, store, room(), &stats, report).unwrap();
    Bench { delivery, reports }
}

/// The same kill at another time, without details.
fn record(number: u64) -> Arc<Record> {
    let mut kill = fixtures::unknown();
    kill.incident = number.to_string();
    kill.victim.tid = 1;
    Arc::new(Record::OomKill(Box::new(kill)))
}

fn id(number: u64) -> String {
    record(number).id()
}

#[test]
fn a_stuck_sink_delays_neither_the_sender_nor_another_and_its_losses_are_counted() {
    let ((stuck, stuck_keys), (well, keys)) = (gate("stuck", true), gate("well", true));
    let Bench { delivery, reports } = bench(vec![stuck, well], None);
    for number in 0..10 {
        delivery.send(record(number));
        if number == 0 {
            assert_eq!(stuck_keys.entered.recv_timeout(SOON), Ok(id(0)));
        }
        keys.expect(&id(number), Yes);
    }
    keys.answers.send(Yes).unwrap();
    let [stuck, well] = delivery.close(Duration::from_secs(3)).try_into().unwrap();
    assert_eq!((well.delivered, well.lost(), well.stuck), (10, 0, false));
    assert_eq!((stuck.delivered, stuck.stuck, stuck.lost()), (0, true, 10));
    assert!(reports.try_recv().is_err());
}

#[test]
fn what_was_overwritten_is_told_once_the_sink_has_caught_up() {
    let (slow, keys) = gate("slow", true);
    let Bench { delivery, reports } = bench(vec![slow], None);
    delivery.send(record(0));
    assert_eq!(keys.entered.recv_timeout(SOON), Ok(id(0)));
    for number in 1..=ROOM as u64 + 3 {
        delivery.send(record(number));
    }
    keys.answers.send(Yes).unwrap();
    for number in 4..=ROOM as u64 + 3 {
        keys.expect(&id(number), Yes);
    }
    let told = reports.recv_timeout(SOON).unwrap();
    assert_eq!(told, "output slow: works again; 3 records lost meanwhile");
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.dropped, totals.waiting), (5, 3, 0));
    assert!(totals.last_success.is_some());
    assert!(reports.try_recv().is_err());
}

#[test]
fn a_durable_sink_is_tried_again_with_the_same_record_and_the_streak_is_told_once() {
    let (disk, keys) = gate("disk", true);
    let Bench { delivery, reports } = bench(vec![disk], None);
    delivery.send(record(0));
    delivery.send(record(1));
    for answer in [No, No, Yes] {
        keys.expect(&id(0), answer);
    }
    let failing = reports.recv_timeout(SOON).unwrap();
    assert!(failing.starts_with("output disk: cannot write to disk: "), "{failing}");
    assert!(failing.ends_with("will retry"), "{failing}");
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "output disk: works again");
    keys.expect(&id(1), Yes);
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.failed, totals.stuck), (2, 0, false));
    assert!(totals.last_error.unwrap().contains("make room"));
    assert!(reports.try_recv().is_err());
}

#[test]
fn what_will_never_be_taken_is_counted_and_passed_over() {
    let ((picky, keys), (console, console_keys)) = (gate("picky", true), gate("console", false));
    let Bench { delivery, reports } = bench(vec![picky, console], None);
    for number in 0..3 {
        delivery.send(record(number));
    }
    keys.expect(&id(0), Never);
    assert_eq!(reports.recv_timeout(SOON).unwrap(), "output picky: cannot write to picky: no");
    keys.expect(&id(1), Yes);
    keys.expect(&id(2), Yes);
    assert_eq!(
        reports.recv_timeout(SOON).unwrap(),
        "output picky: works again; 1 record lost meanwhile"
    );
    // One that is told of each record once goes on after any failure.
    for (number, answer) in [(0, No), (1, No), (2, Yes)] {
        console_keys.expect(&id(number), answer);
    }
    // Who asks is told at once, whether or not there is another kill.
    assert_eq!(Status::totals(&*delivery.stats).sink_lost, 3);
    keys.answers.send(Yes).unwrap();
    console_keys.answers.send(Yes).unwrap();
    let [picky, console] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((picky.delivered, picky.failed), (2, 1));
    assert_eq!((console.delivered, console.failed), (1, 2));
}

/// Takes all it is handed but one.
#[derive(Debug)]
struct Fussy(Sender<usize>);

impl Sink for Fussy {
    fn name(&self) -> &'static str {
        "fussy"
    }
    fn batch(&self) -> usize {
        ROOM
    }
    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        self.0.send(records.len()).unwrap();
        Err(SinkError::settled("write to", "fussy", "not that one", Disposition::Partial(1)))
    }
    fn probe(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[test]
fn what_was_taken_but_for_some_is_not_handed_over_again() {
    let (sender, batches) = channel();
    let configured = ConfiguredSink { sink: Box::new(Fussy(sender)), choice: Choice::default() };
    let Bench { delivery, reports: _reports } = bench(vec![configured], None);
    (0..3).for_each(|number| delivery.send(record(number)));
    let [totals] = delivery.close(SOON).try_into().unwrap();
    let batches: Vec<_> = batches.iter().collect();
    assert_eq!(batches.iter().sum::<usize>(), 3, "{batches:?}");
    let failed = batches.len() as u64;
    assert_eq!((totals.delivered, totals.failed), (3 - failed, failed));
}

#[test]
fn at_the_end_there_is_one_more_try_and_what_is_left_is_lost_without_a_store() {
    let (gone, keys) = gate("gone", true);
    let Bench { delivery, reports: _reports } = bench(vec![gone], None);
    delivery.send(record(0));
    delivery.send(record(1));
    keys.expect(&id(0), No);
    let closing = std::thread::spawn(move || delivery.close(SOON));
    // More or fewer, by how long this takes.
    while !closing.is_finished() {
        if let Ok(step) = keys.entered.recv_timeout(Duration::from_millis(1)) {
            assert!(step == id(0) || step == "flush", "{step}");
            keys.answers.send(No).unwrap();
        }
    }
    let [totals] = closing.join().unwrap().try_into().unwrap();
    assert_eq!((totals.delivered, totals.waiting, totals.lost()), (0, 2, 2));
}

fn keep() -> Retention {
    Retention { max_age: ConfigDuration(Duration::MAX), max_bytes: ByteSize(u64::MAX) }
}

#[test]
fn a_sink_opens_anew_at_once_if_idle_and_before_the_next_record_if_busy() {
    let (file, keys) = gate("file", true);
    let Bench { delivery, reports } = bench(vec![file], None);
    delivery.reopen();
    keys.expect("reopen", No);
    assert!(reports.recv_timeout(SOON).unwrap().starts_with("output file: cannot"));

    delivery.send(record(0));
    assert_eq!(keys.entered.recv_timeout(SOON), Ok(id(0)));
    delivery.send(record(1));
    delivery.reopen();
    keys.answers.send(Yes).unwrap();
    keys.expect("reopen", Yes);
    keys.expect(&id(1), Yes);
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.lost()), (2, 0));
}

#[test]
fn a_sink_that_is_replaced_ends_and_the_new_one_goes_on_where_it_was() {
    let ((old, old_keys), (stays, stays_keys)) = (gate("far", true), gate("stays", true));
    let Bench { mut delivery, reports: _reports } = bench(vec![old, stays], None);
    delivery.send(record(0));
    delivery.send(record(1));
    old_keys.expect(&id(0), Never);
    old_keys.expect(&id(1), No);
    stays_keys.expect(&id(0), Yes);
    stays_keys.expect(&id(1), Yes);
    let (new, keys) = gate("far", true);
    delivery.replace(&["far".to_owned()], vec![new]).unwrap();
    keys.expect(&id(1), Yes);
    delivery.send(record(2));
    keys.expect(&id(2), Yes);
    stays_keys.expect(&id(2), Yes);
    let replaced = delivery.stats.replaced();
    assert_eq!(replaced.iter().map(SinkTotals::lost).collect::<Vec<_>>(), [1]);
    for keys in [&keys, &stays_keys] {
        keys.answers.send(Yes).unwrap();
    }
    // The old one may be at its last try.
    drop(old_keys.answers);
    let totals = delivery.close(SOON);
    let mut names: Vec<_> = totals.iter().map(|it| (it.name.as_str(), it.lost())).collect();
    names.sort_unstable();
    assert_eq!(names, [("far", 0), ("stays", 0)]);
}

/// The thread's stack holds what rendering and writing need, in a debug build and in every format.
#[test]
fn every_format_renders_on_the_stack_of_a_sink() {
    use crate::render::{Format, Style};
    use crate::sink::Console;
    let null = || std::fs::File::create("/dev/null").unwrap().into();
    let formats = [Format::Text, Format::Compact, Format::Json, Format::Kernel];
    let sinks = formats.map(|format| {
        let sink = Box::new(Console::new(null(), format, Style { color: true, ..Style::default() }))
            as Box<dyn Sink>;
        ConfiguredSink { sink, choice: Choice::default() }
    });
    let report: Reporter = Arc::new(|report| panic!("{report}"));
    let stats = Arc::new(SinkStats::default());
    let delivery = Delivery::start(sinks.into(), None, CAPACITY, &stats, report).unwrap();
    for (_, record) in fixtures::all() {
        delivery.send(Arc::new(record));
    }
    let all = fixtures::all().len() as u64;
    for totals in delivery.close(SOON) {
        assert_eq!((totals.delivered, totals.lost(), totals.stuck), (all, 0, false));
    }
}
