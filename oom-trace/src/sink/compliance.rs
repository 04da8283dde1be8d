//! What every sink must do, whatever its destination.

use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{Attachment, Destination, Disposition, Sink, SinkError, SinkTotals, Status};
use crate::incident::model::{Record, Totals};
use crate::render::fixtures;
use crate::setting::inline_table;

/// A sink, and one of the same kind whose destination takes nothing.
pub(super) struct Bench {
    pub(super) working: Box<dyn Sink>,
    /// What has arrived since it was last asked, once there are so many: each record whole, as JSON
    /// has it, or its [`Record::id`] where the destination's form has no room for more, or how many
    /// kills where it only counts.
    pub(super) arrived: Box<dyn FnMut(usize) -> Vec<Value>>,
    /// `None` for one that nobody can stop from taking records once it is open.
    pub(super) broken: Option<Box<dyn Sink>>,
}

/// What has arrived where metrics are written, which `read` reads.
pub(super) fn counted(
    mut read: impl FnMut() -> String + 'static,
) -> Box<dyn FnMut(usize) -> Vec<Value>> {
    let mut before = 0;
    Box::new(move |_| {
        let text = read();
        let samples = text.lines().filter(|line| line.starts_with("oom_trace_kills_total{"));
        let counts = samples.map(|sample| sample.rsplit_once(' ').unwrap().1);
        let all = counts.map(|count| count.parse::<u64>().unwrap()).sum();
        vec![(all - std::mem::replace(&mut before, all)).into()]
    })
}

#[derive(Debug)]
struct Idle {
    hangs: bool,
}

impl Status for Idle {
    fn totals(&self) -> Totals {
        Totals::default()
    }
    fn start(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn ping(&self) -> Option<oneshot::Receiver<()>> {
        let (sender, sign) = oneshot::channel();
        std::mem::forget(sender);
        self.hangs.then_some(sign)
    }
    fn sinks(&self) -> Vec<SinkTotals> {
        Vec::new()
    }
    fn attached(&self) -> Option<Attachment> {
        Some(Attachment { by: "tracepoint", is_degraded: true })
    }
    fn store_works(&self) -> Option<bool> {
        Some(true)
    }
}

/// A sink as the configuration's table asks for it.
pub(super) fn open<C: Destination + DeserializeOwned>(
    table: &str,
) -> Result<Box<dyn Sink>, SinkError> {
    let config: C = inline_table(table).unwrap();
    config.open(&idle())
}

/// An agent that has done nothing yet.
pub(super) fn idle() -> Arc<dyn Status> {
    Arc::new(Idle { hangs: false })
}

/// One whose thread that reads events hangs.
#[cfg(feature = "network")]
pub(super) fn hung() -> Arc<dyn Status> {
    Arc::new(Idle { hangs: true })
}

/// A record of each shape.
pub(super) fn records() -> [Arc<Record>; 19] {
    fixtures::all().map(|(_, record)| Arc::new(record))
}

/// Lines of JSON.
pub(super) fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn check(bench: Bench) {
    let Bench { mut working, mut arrived, broken } = bench;
    let name = working.name().to_owned();
    assert!(!name.is_empty() && !name.contains('\n'), "{name:?}");
    assert!(working.batch() > 0);
    working.probe().unwrap();

    let all = records();
    for round in ["at first", "after it was opened anew", "after it was flushed"] {
        for record in &all {
            working.deliver(std::slice::from_ref(record)).unwrap();
            assert_arrived(&arrived(1), std::slice::from_ref(record), round);
        }
        for records in all.chunks(working.batch()) {
            working.deliver(records).unwrap();
        }
        assert_arrived(&arrived(all.len()), &all, round);
        if round == "at first" { working.reopen() } else { working.flush() }.unwrap();
        assert_eq!(working.name(), name);
    }

    let Some(mut broken) = broken else { return };
    for _ in 0..2 {
        let error = broken.deliver(&all[..1]).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        let error = error.to_string();
        assert!(error.starts_with("cannot ") && !error.contains('\n'), "{error}");
    }
}

fn assert_arrived(got: &[Value], records: &[Arc<Record>], round: &str) {
    if let [Value::Number(count)] = got {
        let kills = records.iter().filter(|record| record.kill().is_some()).count();
        assert_eq!(count.as_u64(), Some(kills as u64), "{round}");
        return;
    }
    assert_eq!(got.len(), records.len(), "{round}: {got:#?}");
    for (got, record) in got.iter().zip(records) {
        match got {
            Value::String(id) => assert_eq!(*id, record.id(), "{round}"),
            whole => assert_eq!(*whole, serde_json::to_value(&**record).unwrap(), "{round}"),
        }
    }
}
