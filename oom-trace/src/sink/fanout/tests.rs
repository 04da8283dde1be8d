use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::render::fixtures;

/// A sink whose every step the test allows, by what it answers.
#[derive(Debug)]
struct Gate {
    name: &'static str,
    entered: Sender<&'static str>,
    answers: Receiver<bool>,
}

impl Gate {
    fn pass(&mut self, step: &'static str) -> Result<(), SinkError> {
        self.entered.send(step).unwrap();
        match self.answers.recv() {
            Ok(true) => Ok(()),
            _ => Err(SinkError::new("write to", self.name, io::ErrorKind::StorageFull.into())),
        }
    }
}

impl Sink for Gate {
    fn name(&self) -> &str {
        self.name
    }
    fn deliver(&mut self, _: &Record) -> Result<(), SinkError> {
        self.pass("deliver")
    }
    fn reopen(&mut self) -> Result<(), SinkError> {
        self.pass("reopen")
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.pass("flush")
    }
}

struct Bench {
    fanout: Fanout,
    entered: Vec<Receiver<&'static str>>,
    answers: Vec<Sender<bool>>,
    reports: Receiver<String>,
}

const QUEUE: usize = 4;

fn bench(names: &[&'static str]) -> Bench {
    let (reporting, reports) = channel();
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    let (mut entered, mut answers) = (Vec::new(), Vec::new());
    for name in names {
        let (enter, entering) = channel();
        let (answer, answering) = channel();
        sinks.push(Box::new(Gate { name, entered: enter, answers: answering }));
        entered.push(entering);
        answers.push(answer);
    }
    let report =
        Arc::new(move |report: SinkReport<'_>| reporting.send(report.to_string()).unwrap());
    let fanout = Fanout::start(sinks, NonZeroUsize::new(QUEUE).unwrap(), report).unwrap();
    Bench { fanout, entered, answers, reports }
}

fn record() -> Arc<Record> {
    let [(_, record), ..] = fixtures::all();
    Arc::new(record)
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_stuck_sink_delays_neither_the_sender_nor_another_and_its_losses_are_counted() {
    let Bench { fanout, entered, answers, reports } = bench(&["stuck", "well"]);
    for round in 0..10 {
        fanout.send(&record());
        assert_eq!(entered[1].recv_timeout(SOON), Ok("deliver"));
        answers[1].send(true).unwrap();
        if round == 0 {
            // One record is with the sink before the queue behind it fills.
            assert_eq!(entered[0].recv_timeout(SOON), Ok("deliver"));
        }
    }
    answers[1].send(true).unwrap();
    let [stuck, well] = fanout.close(Duration::from_millis(200)).try_into().unwrap();
    assert_eq!((well.delivered, well.lost(), well.stuck), (10, 0, false));
    assert_eq!((stuck.delivered, stuck.dropped, stuck.stuck), (0, 5, true));
    assert_eq!((stuck.waiting, stuck.lost()), (5, 10));
    assert!(reports.try_recv().is_err());
}

#[test]
fn a_full_queue_is_told_once_the_sink_has_caught_up() {
    let Bench { fanout, entered, answers, reports } = bench(&["slow"]);
    fanout.send(&record());
    assert_eq!(entered[0].recv_timeout(SOON), Ok("deliver"));
    for _ in 0..QUEUE + 3 {
        fanout.send(&record());
    }
    for _ in 0..=QUEUE {
        answers[0].send(true).unwrap();
    }
    let told = reports.recv_timeout(SOON).unwrap();
    assert_eq!(told, "output slow: works again; 3 records lost meanwhile");
    answers[0].send(true).unwrap();
    let [totals] = fanout.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.dropped, totals.waiting), (5, 3, 0));
    assert!(reports.try_recv().is_err());
}

#[test]
fn a_streak_of_failures_is_told_once_and_its_end_with_what_it_cost() {
    let Bench { fanout, entered, answers, reports } = bench(&["disk"]);
    for answer in [true, false, false, true] {
        fanout.send(&record());
        assert_eq!(entered[0].recv_timeout(SOON), Ok("deliver"));
        answers[0].send(answer).unwrap();
    }
    let failing = reports.recv_timeout(SOON).unwrap();
    assert!(failing.starts_with("output disk: cannot write to disk: "), "{failing}");
    let recovered = reports.recv_timeout(SOON).unwrap();
    assert_eq!(recovered, "output disk: works again; 2 records lost meanwhile");
    answers[0].send(true).unwrap();
    let [totals] = fanout.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.failed, totals.stuck), (2, 2, false));
    assert!(totals.last_error.unwrap().contains("make room"));
    assert!(reports.try_recv().is_err());
}

#[test]
fn a_sink_opens_anew_at_once_if_idle_and_before_the_next_record_if_busy() {
    let Bench { fanout, entered, answers, reports } = bench(&["file"]);
    fanout.reopen();
    assert_eq!(entered[0].recv_timeout(SOON), Ok("reopen"));
    answers[0].send(false).unwrap();
    assert!(reports.recv_timeout(SOON).unwrap().starts_with("output file: cannot"));

    fanout.send(&record());
    assert_eq!(entered[0].recv_timeout(SOON), Ok("deliver"));
    for _ in 0..QUEUE {
        fanout.send(&record());
    }
    fanout.reopen();
    answers[0].send(true).unwrap();
    assert_eq!(entered[0].recv_timeout(SOON), Ok("reopen"));
    for _ in 0..QUEUE + 2 {
        answers[0].send(true).unwrap();
    }
    let [totals] = fanout.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.lost()), (5, 0));
    assert_eq!(entered[0].iter().last(), Some("flush"));
}

/// The thread's stack holds what rendering and writing need, in a debug build and in every format.
#[test]
fn every_format_renders_on_the_small_stack() {
    use super::super::Console;
    use crate::render::{Format, Style};
    let null = || std::fs::File::create("/dev/null").unwrap().into();
    let formats = [Format::Text, Format::Compact, Format::Json, Format::Kernel];
    let sinks = formats.map(|format| {
        Box::new(Console::new(null(), format, Style { color: true })) as Box<dyn Sink>
    });
    let report = Arc::new(|report: SinkReport<'_>| panic!("{report}"));
    let fanout = Fanout::start(sinks.into(), NonZeroUsize::new(16).unwrap(), report).unwrap();
    for (_, record) in fixtures::all() {
        fanout.send(&Arc::new(record));
    }
    let all = fixtures::all().len() as u64;
    for totals in fanout.close(SOON) {
        assert_eq!((totals.delivered, totals.lost(), totals.stuck), (all, 0, false));
    }
}
