//! Walks the path of an event once with an incident that never was.
//!
//! Memory is locked as it is first used. After this the code and the heap that a record takes on the
//! agent's own thread are resident, so that the first real one, which comes when memory is short,
//! asks the kernel for none.

use oom_trace_common::record::{
    ARGV_LEN, Candidate, Command, End, Freed, Group, Header, Incident, LEVELS, Level, PARENTS,
    Printed, REST_LEN, STACK_LEN, Sharer, Victim, by, kind, outcome, role, source,
};
use zerocopy::{FromZeros, Immutable, IntoBytes};

use crate::config;
use crate::enrich::Enricher;
use crate::enrich::clock::Clock;
use crate::enrich::failed::Failures;
use crate::incident::assemble::Assembler;
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::sink::FilterState;
use crate::wire::{Event, decode};

/// Heap that is resident before it is needed, beside what the start and the rehearsal leave free: about
/// what the records of a group of a hundred processes take on their way.
const HEAP_BYTES: usize = 256 << 10;

/// Touches some of the heap in advance, so that a record on its way asks the kernel for no page: with
/// this process's own cgroup full and nobody in it who may be killed, the kernel would come back to the
/// page fault for ever (`pagefault_out_of_memory`, mm/oom_kill.c). To be called when all is there that
/// stays: what is made later would lie in it.
pub(super) fn reserve_heap() {
    // From the heap's end, to which it returns.
    let mut heap = vec![0_u8; HEAP_BYTES];
    for page in heap.chunks_mut(rustix::param::page_size()) {
        page.fill(1);
    }
    std::hint::black_box(&heap);
}

/// What is walked for: the outputs there are.
pub(super) struct Rehearsal {
    outputs: Vec<(Option<Format>, Style, FilterState)>,
}

impl Rehearsal {
    pub(super) fn new(config: &config::Run) -> Self {
        let console = config.console.as_ref();
        let console = console.map(|it| (Some(it.format), it.style, it.filter.clone()));
        let sinks = config.sinks.iter().map(|spec| {
            let sink = spec.destination();
            (sink.format(), Style::default(), sink.filter().clone())
        });
        let outputs = console.into_iter().chain(sinks);
        let outputs =
            outputs.map(|(format, style, filter)| (format, style, FilterState::new(filter)));
        Self { outputs: outputs.collect() }
    }

    /// Walks it: the bytes of every kind of record are decoded, put together, enriched, filtered for
    /// each output and written in its format, into memory.
    pub(super) fn walk(mut self, enricher: &mut Enricher) {
        let mut out = Vec::new();
        walk(enricher, |record| {
            for (format, style, filter) in &mut self.outputs {
                // What it takes and what not: both are of use.
                let _ = filter.takes(record);
                if let Some(format) = *format {
                    write(record, format, *style, &mut out);
                }
            }
            // As the store and those that have a form of their own have it.
            write(record, Format::Json, Style::default(), &mut out);
        });
    }
}

fn write(record: &Record, format: Format, style: Style, out: &mut Vec<u8>) {
    out.clear();
    // Into memory: it cannot fail, and nobody reads it.
    let _ = render(record, format, style, out);
}

fn walk(enricher: &mut Enricher, mut each: impl FnMut(&Record)) {
    let mut assembler = Assembler::new(usize::MAX);
    let clock = Clock::now();
    let system = enricher.system(clock.boot_ns());
    for event in events().iter().filter_map(|bytes| decode(bytes).ok()) {
        match event {
            Event::NoVictim(mut incident) => {
                enricher.stack_reader.complete(&mut incident.frames);
                let panic = enricher.panic(&incident, clock);
                panic.map(|panic| Record::OomPanic(Box::new(panic))).iter().for_each(&mut each);
                let (system, last_ns) = (Some(system.clone()), incident.id);
                let failures =
                    Failures { first: incident, system, described: None, count: 1, last_ns };
                each(&Record::OomFailed(Box::new(enricher.failed(failures, clock))));
            }
            Event::Freed(freed) => {
                if let Some(freed) = assembler.hold(*freed) {
                    each(&Record::OomExit(Box::new(enricher.freed(&freed, clock))));
                }
            }
            event => {
                if let Some(done) = &assembler.push(event) {
                    for kill in enricher.records(done, Some(&system), clock) {
                        each(&Record::OomKill(Box::new(kill)));
                    }
                }
            }
        }
    }
}

const ID: u64 = 1;
/// Processes of a group that dies as a whole.
const VICTIMS: u32 = 2;
const POD: &[u8] = b"cri-containerd-8f3a.scope\0kubepods-burstable-pod1.slice\0kubepods.slice\0";

/// One of each kind, with all fields present and paths of the greatest length.
fn events() -> Vec<Vec<u8>> {
    let longest = [b'x'; REST_LEN];
    let mut events = vec![
        incident(kind::NO_VICTIM, &longest),
        incident(kind::INCIDENT, &longest),
        record(kind::PRINTED, |_: &mut Printed| {}, &[]),
    ];
    let group = |group: &mut Group| group.path_len = POD.len() as u64;
    events.push(record(kind::GROUP, group, POD));
    for (pid, path) in (1..=VICTIMS).zip([&longest[..], POD]) {
        let fill = |victim: &mut Victim| {
            (victim.pid, victim.tid, victim.path_len) = (pid, pid, len(path));
            victim.outcome = outcome::KILLED;
            victim.comm[..3].copy_from_slice(b"one");
        };
        events.push(record(kind::VICTIM, fill, path));
        events.push(record(kind::SHARER, |sharer: &mut Sharer| sharer.pid = VICTIMS + pid, &[]));
        events.push(command(pid));
    }
    let freed =
        |pid, by| record(kind::FREED, |freed: &mut Freed| (freed.pid, freed.by) = (pid, by), &[]);
    events.push(freed(1, by::REAPER));
    events.push(record(kind::END, |_: &mut End| {}, &[]));
    events.push(freed(VICTIMS, by::EXIT));
    events
}

/// With as many levels as there may be, and one candidate in each role.
fn incident(kind: u32, path: &[u8]) -> Vec<u8> {
    let mut level = Level::new_zeroed();
    level.present = u64::MAX;
    let candidates = [role::TOP, role::LARGEST].map(|role| {
        let mut candidate = Candidate::new_zeroed();
        (candidate.present, candidate.role, candidate.path) = (u64::MAX, role, 1);
        candidate
    });
    let symbols = b"out_of_memory+0x1a5/0x430\0".repeat(STACK_LEN);
    let fill = |incident: &mut Incident| {
        incident.limit = 1;
        (incident.levels_len, incident.candidates_len) = (LEVELS, 2);
        (incident.paths_len, incident.readable, incident.chosen_path) = (2, u32::MAX, 1);
        [incident.path_ends[0], incident.path_ends[1]] = [len(path), len(path) + len(POD)];
        (incident.stack_len, incident.named) = (u32::try_from(STACK_LEN).unwrap_or(0), u32::MAX);
    };
    let levels = level.as_bytes().repeat(LEVELS as usize);
    record(kind, fill, &[&levels, candidates.as_bytes(), path, POD, &symbols].concat())
}

fn command(pid: u32) -> Vec<u8> {
    let exe = b"java\0bin\0usr\0";
    let mut argv = b"java\0--password=secret\0".repeat(ARGV_LEN / 16);
    argv.truncate(ARGV_LEN);
    let fill = |command: &mut Command| {
        command.pid = pid;
        command.parents_len = u32::try_from(PARENTS).unwrap_or(0);
        command.exe_end = len(exe);
        command.argv_end = len(exe) + len(&argv);
    };
    record(kind::COMMAND, fill, &[exe, &argv[..]].concat())
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(0)
}

/// Its bytes; each kind of record starts with a header.
fn record<T: FromZeros + IntoBytes + Immutable>(
    kind: u32,
    fill: impl FnOnce(&mut T),
    after: &[u8],
) -> Vec<u8> {
    let mut record = T::new_zeroed();
    fill(&mut record);
    let header =
        Header { kind, source: source::KPROBE, incident: ID, boot_ns: ID, present: u64::MAX };
    let (header, body) = (header.as_bytes(), record.as_bytes());
    [header, body.get(header.len()..).unwrap_or_default(), after].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::enrich::command::Redactor;
    use crate::enrich::host::Host;
    use crate::kernel::gfp::GfpNames;
    use crate::release::Release;

    fn enricher() -> Enricher {
        let release = Release::new("6.12.0");
        let gfp_names = GfpNames::new(release.version(), |_| None);
        let redactor = Redactor { tells: true, usual: true, patterns: Vec::new() };
        Enricher::here(Host::here().unwrap(), release, gfp_names, (redactor, 16), true)
    }

    /// A kind that is new makes this match incomplete, and then the test fail.
    #[test]
    fn every_kind_of_record_is_in_it() {
        const KINDS: u32 = 9;
        let kind_of = |event: &Event| match event {
            Event::Incident(_) => kind::INCIDENT,
            Event::Victim(_) => kind::VICTIM,
            Event::End(_) => kind::END,
            Event::Sharer(_) => kind::SHARER,
            Event::Group(_) => kind::GROUP,
            Event::NoVictim(_) => kind::NO_VICTIM,
            Event::Printed(_) => kind::PRINTED,
            Event::Command(..) => kind::COMMAND,
            Event::Freed(_) => kind::FREED,
        };
        // Each can be decoded: what cannot be is left out of the walk.
        let kinds: BTreeSet<_> =
            events().iter().map(|bytes| kind_of(&decode(bytes).unwrap())).collect();
        assert_eq!(kinds, (1..=KINDS).collect());
        assert!(decode(&record(KINDS + 1, |_: &mut End| {}, &[])).is_err());
    }

    #[test]
    fn what_is_rehearsed_reaches_the_records() {
        let (mut kills, mut exits) = (Vec::new(), 0);
        walk(&mut enricher(), |record| match record {
            Record::OomKill(kill) => kills.push(kill.clone()),
            Record::OomExit(_) => exits += 1,
            _ => {}
        });
        assert_eq!(kills.len(), VICTIMS as usize);
        assert_eq!(exits, 1);
        for kill in kills {
            assert_eq!(kill.victim_count, VICTIMS);
            assert!(kill.group.is_some() && kill.candidates.is_some() && kill.system.is_some());
            let victim = &kill.victim;
            assert!(victim.cgroup.is_some() && victim.exe.is_some() && victim.argv.is_some());
            let limit = kill.shortage.limit.as_ref().unwrap();
            assert_eq!(limit.ancestors.as_ref().map(Vec::len), Some(LEVELS as usize - 1));
        }
    }
}
