//! Messages to records.

mod after;
mod chosen;
mod pieces;

use std::collections::VecDeque;

use self::after::Dying;
use super::begun::Begun;
use super::message::{Columns, Form, Message};
use super::open::{Open, Victim};
use super::record::{Boot, Told, kills, panic};
use super::scan::Names;
use super::untold::{Mention, Untold};
use super::{Entry, Machine, Stamp};
use crate::incident::model::Record;

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
    /// A shortage in which nobody could be killed: the next may be its like.
    failed: Option<Open>,
    /// Shortages whose victim was chosen, and whose kill may still be told of.
    chosen: VecDeque<Open>,
    /// When the last shortages began, each of which may have been dumped; where messages were lost, they
    /// may all have been.
    dumps: VecDeque<Stamp>,
    after_gap: bool,
    /// This boot's kernel logs a victim's memory behind its name: a line without lost its end.
    logs_memory: bool,
    /// The last line of a stack that may go on: its next line may stand anywhere.
    trace: Option<Stamp>,
    begun: Option<Begun>,
    /// For a saved log, what the reaper says is told, too: the hooks have it from elsewhere.
    is_saved: bool,
    /// Its kills go without [`OomKill::why`](crate::incident::model::OomKill::why).
    is_unexplained: bool,
    /// Those who were killed, in records that are done.
    dying: VecDeque<Dying>,
    line: u64,
    /// Messages that meant something here.
    taken: u64,
    untold: Untold,
}

impl Parser {
    /// For the log of a machine of which this much is known.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self { machine, ..Self::default() }
    }

    /// As [`Self::new`], for one who adds what the log tells to a record, and explains the kill then.
    #[must_use]
    pub fn unexplained(machine: Machine) -> Self {
        Self { is_unexplained: true, ..Self::new(machine) }
    }

    /// Takes the message of a saved log's line.
    pub(super) fn push_line(&mut self, line: u64, entry: &Entry<'_>) -> Vec<Record> {
        self.is_saved = true;
        self.line = line;
        self.push(entry)
    }

    /// How many messages were of an OOM kill so far.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// What follows was before: the log is read block by block, newest first.
    pub(super) fn turn(&mut self) -> Vec<Record> {
        let done = self.flush();
        self.dumps.clear();
        self.trace = None;
        done
    }

    /// One for another log, with nothing known of its machine but what was known of this one's.
    pub(super) fn another(&self) -> Self {
        Self::new(self.machine.clone())
    }

    /// Another machine's line is of this time: answers what is over by then.
    pub(super) fn pass(&mut self, now: Stamp) -> Vec<Record> {
        // Two machines have no clock in common but the wall's.
        let now = Stamp { boot_ns: None, ..now };
        match self.open.as_ref().is_some_and(|open| open.is_past(now)) {
            true => self.flush(),
            false => Vec::new(),
        }
    }

    /// What came into no record so far.
    pub(super) fn untold(&self) -> &Untold {
        &self.untold
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
        if !self.chosen.is_empty() {
            done.extend(self.tell_chosen(Some(entry.stamp), usize::MAX));
        }
        let form = Form { names: entry.names, cut: entry.cut };
        let message = Message::parse(entry.text, form);
        // The rest of a message may look like one of its own.
        if !message.as_ref().is_some_and(Message::is_mention)
            && let Some(joined) = self.put_together(entry)
        {
            done.extend(joined);
            return done;
        }
        match message {
            // Of what lost its end nothing follows.
            Some(message) if message.may_go_on() && !entry.cut => {
                done.extend(self.end_begun());
                self.taken += 1;
                self.begun = Some(Begun::new(entry, self.line));
            }
            Some(message) => {
                if message.is_mention() {
                    done.extend(self.end_begun());
                }
                done.extend(self.take(message, entry));
            }
            None => {
                if Message::is_begun(entry.text) && !entry.cut {
                    done.extend(self.end_begun());
                    self.begun = Some(Begun::new(entry, self.line));
                }
                if self.open.as_ref().is_some_and(|open| open.is_over(entry.stamp)) {
                    done.extend(self.flush());
                }
            }
        }
        done
    }

    /// Another boot begins, if its id is known with that.
    pub fn boot(&mut self, id: Option<&str>) -> Vec<Record> {
        let done = self.flush();
        self.boot = None;
        self.boot_id = id.map(Into::into);
        self.logs_memory = false;
        self.dumps.clear();
        self.dying.clear();
        done
    }

    /// Messages were lost here: what follows belongs to nothing before.
    pub fn gap(&mut self) -> Vec<Record> {
        self.after_gap = true;
        self.flush()
    }

    /// No message follows that belongs to the last incident.
    pub fn flush(&mut self) -> Vec<Record> {
        let mut done = self.end_begun();
        done.extend(self.close());
        done.extend(self.end_episode());
        done.extend(self.tell_chosen(None, 0));
        done
    }

    /// Whether something waits for a sign that there is no more of it.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.has_result()
            || self.failed.is_some()
            || self.begun.as_ref().is_some_and(Begun::says_enough)
    }

    /// Whether no line that speaks of nothing belongs to what was begun.
    pub(super) fn is_settled(&self) -> bool {
        self.begun.is_none() && self.open.as_ref().is_none_or(Open::is_settled)
    }

    fn has_result(&self) -> bool {
        self.open.as_ref().is_some_and(Open::has_result)
    }

    /// Ends the open incident; answers the records of it, but not of one that the next may go on with.
    fn close(&mut self) -> Vec<Record> {
        let Some(open) = self.open.take() else { return Vec::new() };
        if open.failures > 0 {
            return self.fail(open);
        }
        if open.victims.is_empty() {
            return self.put_off(open);
        }
        let mut done = self.end_episode();
        let told = Told::new(&open, &self.machine, self.boot.as_ref());
        let records = kills(&told, self.is_unexplained);
        self.remember(&open, &records);
        done.extend(records);
        for (reaped, at) in &open.reaped {
            done.push(self.exit(reaped, *at, open.host.as_deref(), open.boot_id.as_deref()));
        }
        done
    }

    fn take(&mut self, message: Message<'_>, entry: &Entry<'_>) -> Vec<Record> {
        let in_trace = self.follow_trace(&message, entry);
        let is_mention = message.is_mention();
        let is_rest = matches!(
            message,
            Message::Trace
                | Message::Frame(_)
                | Message::TraceEnd(_)
                | Message::MemInfo(_)
                | Message::Stat(_)
        );
        // Of other things, too, the kernel dumps a stack or how memory stands.
        self.taken +=
            u64::from(!is_rest || self.open.as_ref().is_some_and(|open| !open.has_result()));
        let done = match message {
            Message::Header(header) => self.start(entry, |open| {
                open.dump.header = Some(header);
                open.dump.is_mixed = in_trace;
            }),
            Message::Summary(summary) => {
                self.logs_memory = true;
                let refused = match &mut self.open {
                    Some(open) => open.sum_up(summary, entry),
                    None => Some(summary),
                };
                // The header of its dump was lost, or had a name in it that hid it.
                refused
                    .map(|summary| self.start(entry, |open| open.dump.summary = Some(summary)))
                    .unwrap_or_default()
            }
            Message::Killed(mut killed) => {
                self.logs_memory |= killed.total_vm_bytes.is_some();
                if self.logs_memory && entry.names != Names::Exact {
                    killed.doubt_name();
                }
                let (tid, may_lack_dump) = (killed.tid, self.may_lack_dump(entry.stamp));
                let refused = match &mut self.open {
                    Some(open) => open.kill(killed, entry, may_lack_dump),
                    None => Some(killed),
                };
                let victim = refused.map(|killed| Victim::new(killed, entry.stamp));
                let started = victim.map(|victim| self.start_with(victim, entry));
                self.decide(tid);
                started.unwrap_or_default()
            }
            Message::Group(path) => self.group(path, entry),
            // What stands beside it tells of the kill, or nothing does.
            Message::Unnamed if self.open.is_some() && !self.has_result() => Vec::new(),
            Message::Unnamed => self.start(entry, |_| {}),
            Message::NoVictim => {
                if self.open.as_mut().is_some_and(|open| open.fail(entry)) {
                    Vec::new()
                } else {
                    self.start(entry, |open| open.fail_now(entry))
                }
            }
            Message::Reaped(reaped) => self.reaped(reaped, entry),
            Message::Panic(said) => {
                let open = self.open.take_if(|open| open.may_panic(entry));
                let mut done = self.close();
                let open = open.unwrap_or_else(|| self.opened(entry));
                done.extend(self.end_episode());
                done.push(panic(&Told::new(&open, &self.machine, self.boot.as_ref()), said));
                done
            }
            Message::Boot { release, version } => {
                let done = self.flush();
                self.boot = Some(Boot { release, version });
                self.logs_memory = false;
                done
            }
            message => self.describe(message, entry),
        };
        if let Some(open) = self.open.as_mut().filter(|_| is_mention) {
            open.mention(Mention::new(self.line, entry.text));
        }
        done
    }

    /// A line of a dump. What only an OOM kill is preceded by begins one whose header is not there.
    fn describe(&mut self, message: Message<'_>, entry: &Entry<'_>) -> Vec<Record> {
        let begins = matches!(
            message,
            Message::Limit(..)
                | Message::Usage(_)
                | Message::StatsFor(..)
                | Message::Columns(_)
                | Message::Chose(_)
        );
        // A row whose table has lost its head.
        let begins = begins
            || matches!(&message, Message::Row(row) if Columns::guess(*row).is_some())
                && self.open.as_ref().is_none_or(Open::has_result);
        let may_take = match &self.open {
            Some(open) => !begins || open.may_describe(&message, entry),
            None => false,
        };
        if begins && !may_take {
            return self.start(entry, |open| open.dump.take(message, entry));
        }
        if let Some(open) = &mut self.open {
            open.describe(message, entry);
        }
        Vec::new()
    }

    fn group(&mut self, path: Option<crate::text::KernelText>, entry: &Entry<'_>) -> Vec<Record> {
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

    /// Whether another's stack may go on after this message.
    fn follow_trace(&mut self, message: &Message<'_>, entry: &Entry<'_>) -> bool {
        match message {
            Message::Trace | Message::Frame(_) => self.trace = Some(entry.stamp),
            Message::TraceEnd(_)
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

    fn opened(&self, entry: &Entry<'_>) -> Open {
        let boot_id = entry.boot_id.or(self.boot_id.as_deref());
        let mut open = Open::new(&Entry { boot_id, ..*entry });
        open.is_saved = self.is_saved;
        open
    }

    /// Ends the open incident and begins another with this message.
    fn start(&mut self, entry: &Entry<'_>, fill: impl FnOnce(&mut Open)) -> Vec<Record> {
        let done = self.close();
        if self.dumps.len() == DUMPS {
            self.dumps.pop_front();
        }
        self.dumps.push_back(entry.stamp);
        let mut open = self.opened(entry);
        open.first = Some(Mention::new(self.line, entry.text));
        fill(&mut open);
        self.open = Some(open);
        done
    }

    /// The same with a kill of which nothing else is known.
    fn start_with(&mut self, victim: Victim, entry: &Entry<'_>) -> Vec<Record> {
        self.start(entry, |open| open.begin_with(victim))
    }
}
