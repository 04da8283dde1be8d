//! What the messages of one shortage tell, as the parser of saved logs reads them.

use jiff::Timestamp;

use super::dump::Dump;
use super::lines::Line;
use crate::incident::assemble::Victim;
use crate::incident::model::{OomFailed, OomKill, Record};
use crate::kernel_log::{Entry, Machine, Parser, Stamp};

/// Whether a line has what the hooks did not tell: a dump before it, or the victim itself.
pub(super) fn is_news(line: &Line, victim: &Victim) -> bool {
    line.dump.is_some() || victim.mark.comm.is_none()
}

/// The kill that a line tells of, with what its dump tells of the shortage, if that is of this process
/// and thread.
pub(super) fn kill(
    line: &Line,
    machine: &Machine,
    trigger: Option<(u32, u32)>,
) -> Option<Box<OomKill>> {
    let tid = trigger.map(|(_, tid)| tid);
    let dump = line.dump.as_deref().filter(|dump| tid.is_none_or(|tid| dump.may_be_of(tid)));
    let of = |dump| {
        let parser = Parser::unexplained(machine.clone());
        let mut records = parse(dump, line.message.entry(), parser, |_| None).into_iter();
        records.find_map(|record| match record {
            Record::OomKill(kill) if kill.victim.tid == line.killed.tid => Some(kill),
            _ => None,
        })
    };
    let is_its = |kill: &OomKill| {
        let told = kill.shortage.trigger.as_ref().and_then(|trigger| trigger.tid);
        told.zip(tid).is_none_or(|(told, tid)| told == tid)
    };
    dump.and_then(|dump| of(Some(dump))).filter(|kill| is_its(kill)).or_else(|| of(None))
}

/// A shortage of this thread in which nobody could be killed.
pub(super) fn failed(dump: &Dump, machine: &Machine, tid: u32) -> Option<OomFailed> {
    if !dump.may_be_of(tid) {
        return None;
    }
    let parser = Parser::new(machine.clone());
    let mut records = parse(Some(dump), None, parser, |_| None).into_iter();
    let failed = records.find_map(|record| match record {
        Record::OomFailed(failed) => Some(*failed),
        _ => None,
    })?;
    let told = failed.shortage.trigger.as_ref().and_then(|trigger| trigger.tid);
    told.is_none_or(|told| told == tid).then_some(failed)
}

/// All that a line and its dump tell; `time` is the wall clock's at a stamp.
pub(super) fn records(
    line: &Line,
    machine: &Machine,
    time: impl Fn(u64) -> Option<Timestamp>,
) -> Vec<Record> {
    parse(line.dump.as_deref(), line.message.entry(), Parser::new(machine.clone()), time)
}

fn parse(
    dump: Option<&Dump>,
    line: Option<Entry<'_>>,
    mut parser: Parser,
    time: impl Fn(u64) -> Option<Timestamp>,
) -> Vec<Record> {
    let mut records = Vec::new();
    for entry in dump.into_iter().flat_map(Dump::entries).chain(line) {
        let stamp = Stamp { time: entry.stamp.boot_ns.and_then(&time), ..entry.stamp };
        records.extend(parser.push(&Entry { stamp, ..entry }));
    }
    records.extend(parser.flush());
    records
}
