//! Messages to records.

use std::collections::VecDeque;

use super::message::{Form, Message};
use super::open::{Open, Victim};
use super::record::{Boot, kills, panic};
use super::{Entry, Machine, Stamp};
use crate::incident::model::Record;
use crate::kernel_log::scan::Names;

/// Lines that a message may be spread over: a name has 15 bytes, and each may be a line feed.
const MAX_PARTS: u32 = 16;

/// Lines of others that may stand between two parts of a message.
const MAX_BETWEEN: u32 = 64;

/// The kernel dumps no more than so many shortages in so many seconds (`oom_rs` in
/// `oom_kill_process`, mm/oom_kill.c); one more, for stamps are whole seconds in some logs.
const DUMPS: usize = 10;
const DUMPS_WITHIN: u32 = 6;

/// Seconds between two lines of a stack.
const TRACE_WITHIN: u32 = 1;

/// Reads a log's messages in turn.
#[derive(Debug, Default)]
pub struct Parser {
    machine: Machine,
    /// What the last boot's first line says.
    boot: Option<Boot>,
    /// Whose boot the last message was of.
    boot_id: Option<String>,
    open: Option<Open>,
    /// When the last dumps began; where messages were lost, they may all have been dumps.
    dumps: VecDeque<Stamp>,
    after_gap: bool,
    /// The last line of a stack that may go on: its next line may stand anywhere.
    trace: Option<Stamp>,
    begun: Option<Begun>,
}

/// A message that is not whole yet.
#[derive(Debug)]
struct Begun {
    text: Vec<u8>,
    stamp: Stamp,
    parts: u32,
    between: u32,
}

impl Parser {
    /// For the log of a machine of which this much is known.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self { machine, ..Self::default() }
    }

    /// Takes the next message; answers the records of the incident that it completes.
    pub fn push(&mut self, entry: &Entry<'_>) -> Vec<Record> {
        let mut done = Vec::new();
        if std::mem::take(&mut self.after_gap) {
            self.dumps = [entry.stamp; DUMPS].into();
        }
        if entry.boot_id.is_some() && entry.boot_id != self.boot_id.as_deref() {
            done = self.boot(entry.boot_id);
        }
        let form = Form { names: entry.names, cut: entry.cut };
        match Message::parse(entry.text, form) {
            Some(message) => done.extend(self.take(message, entry)),
            None => {
                done.extend(self.put_together(entry));
                if self.open.as_ref().is_some_and(|open| open.is_over(entry.stamp)) {
                    done.extend(self.flush());
                }
            }
        }
        done
    }

    /// Another boot begins, if its id is known with that.
    pub fn boot(&mut self, id: Option<&str>) -> Vec<Record> {
        self.boot = None;
        self.boot_id = id.map(Into::into);
        self.begun = None;
        self.dumps.clear();
        self.flush()
    }

    /// Messages were lost here: what follows belongs to nothing before.
    pub fn gap(&mut self) -> Vec<Record> {
        self.begun = None;
        self.after_gap = true;
        self.flush()
    }

    /// No message follows that belongs to the last incident.
    pub fn flush(&mut self) -> Vec<Record> {
        let open = self.open.take().filter(Open::has_victims);
        open.map(|open| kills(&open, &self.machine, self.boot.as_ref())).unwrap_or_default()
    }

    /// Whether victims wait for a sign that there are no more.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.open.as_ref().is_some_and(Open::has_victims)
    }

    fn take(&mut self, message: Message<'_>, entry: &Entry<'_>) -> Vec<Record> {
        let in_trace = self.follow_trace(&message, entry);
        match message {
            Message::Header(header) => self.start_dump(entry, |open| {
                open.dump.header = Some(header);
                open.dump.is_mixed = in_trace;
            }),
            Message::Summary(summary) => {
                let refused = match &mut self.open {
                    Some(open) => open.sum_up(summary, entry),
                    None => Some(summary),
                };
                // The header of its dump was lost, or had a name in it that hid it.
                refused
                    .map(|summary| self.start_dump(entry, |open| open.dump.summary = Some(summary)))
                    .unwrap_or_default()
            }
            Message::Chose(chose) if self.open.as_ref().is_none_or(Open::has_victims) => {
                self.start_dump(entry, |open| open.dump.chose = Some(chose))
            }
            Message::Killed(killed) => {
                let may_lack_dump = self.may_lack_dump(entry.stamp);
                let refused = match &mut self.open {
                    Some(open) => open.kill(killed, entry, may_lack_dump),
                    None => Some(killed),
                };
                let victim = refused.map(|killed| Victim::new(killed, entry.stamp));
                victim.map(|victim| self.start_with(victim, entry)).unwrap_or_default()
            }
            Message::Group(path) => {
                let refused = match &mut self.open {
                    Some(open) => open.group(path.clone(), entry).err(),
                    None => Some(None),
                };
                let Some(first) = refused else { return Vec::new() };
                let done = match first {
                    Some(victim) => self.start_with(*victim, entry),
                    None => self.start(entry, |_| {}),
                };
                if let Some(open) = &mut self.open {
                    open.group = Some(path);
                }
                done
            }
            Message::Panic(said) => {
                let open = self.open.take_if(|open| open.may_panic(entry));
                let panic = open.map(|open| panic(&open, said, &self.machine, self.boot.as_ref()));
                panic.into_iter().collect()
            }
            Message::Boot { release, version } => {
                let done = self.flush();
                self.boot = Some(Boot { release, version });
                done
            }
            message => {
                if let Some(open) = &mut self.open {
                    open.describe(message, entry);
                }
                Vec::new()
            }
        }
    }

    /// Whether another's stack may go on after this message.
    fn follow_trace(&mut self, message: &Message<'_>, entry: &Entry<'_>) -> bool {
        match message {
            Message::Trace | Message::Frame(_) => self.trace = Some(entry.stamp),
            Message::TraceEnd
            | Message::Usage(_)
            | Message::Columns(_)
            | Message::Summary(_)
            | Message::Killed(_) => {
                self.trace = self.trace.filter(|_| self.open.as_ref().is_some_and(Open::is_mixed));
            }
            _ => {}
        }
        let goes_on = self.trace.is_some_and(|last| !last.is_before(entry.stamp, TRACE_WITHIN));
        goes_on && entry.caller.is_none()
    }

    /// Whether the kernel may have dropped the dump of a shortage that comes now.
    fn may_lack_dump(&self, now: Stamp) -> bool {
        let first = self.dumps.front().filter(|_| self.dumps.len() == DUMPS);
        first.is_some_and(|first| !first.is_before(now, DUMPS_WITHIN))
    }

    /// Ends the open incident and begins another with this message of a dump.
    fn start_dump(&mut self, entry: &Entry<'_>, fill: impl FnOnce(&mut Open)) -> Vec<Record> {
        if self.dumps.len() == DUMPS {
            self.dumps.pop_front();
        }
        self.dumps.push_back(entry.stamp);
        self.start(entry, fill)
    }

    /// Ends the open incident and begins another with this message.
    fn start(&mut self, entry: &Entry<'_>, fill: impl FnOnce(&mut Open)) -> Vec<Record> {
        let done = self.flush();
        let boot_id = entry.boot_id.or(self.boot_id.as_deref());
        let mut open = Open::new(&Entry { boot_id, ..*entry });
        fill(&mut open);
        self.open = Some(open);
        done
    }

    /// The same with a kill of which nothing else is known.
    fn start_with(&mut self, victim: Victim, entry: &Entry<'_>) -> Vec<Record> {
        self.start(entry, |open| open.begin_with(victim))
    }

    /// A message may be spread over lines where a name holds a line feed, or where another CPU
    /// logged between two parts of it.
    fn put_together(&mut self, entry: &Entry<'_>) -> Vec<Record> {
        if let Some(mut begun) = self.begun.take() {
            let is_rest =
                begun.text.starts_with(b"oom-kill:") && matches!(entry.text, [b',' | b'/', ..]);
            // A line feed in a printed name: the lines of a message have its stamp, or none.
            let is_line = entry.names == Names::Printed
                && (begun.stamp == entry.stamp || entry.stamp == Stamp::default());
            let joined = |between: &[u8]| [&begun.text, between, entry.text].concat();
            let form = Form { names: entry.names, cut: entry.cut };
            let ways = [is_line.then(|| joined(b"\n")), is_rest.then(|| joined(b""))];
            for text in ways.iter().flatten() {
                if let Some(message) = Message::parse(text, form) {
                    return self.take(message, entry);
                }
            }
            match ways.into_iter().flatten().next_back() {
                Some(text) => {
                    begun.text = text;
                    begun.parts += 1;
                }
                None => begun.between += 1,
            }
            if begun.parts < MAX_PARTS && begun.between < MAX_BETWEEN {
                self.begun = Some(begun);
            }
        }
        if Message::is_begun(entry.text) {
            let text = entry.text.to_vec();
            self.begun = Some(Begun { text, stamp: entry.stamp, parts: 1, between: 0 });
        }
        Vec::new()
    }
}
