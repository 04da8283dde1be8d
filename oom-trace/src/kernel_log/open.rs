//! The incident whose lines are being read.
//!
//! The kernel handles one shortage at a time (`oom_lock`), so the lines of two never mingle; those
//! of others may stand between them. The dump is rate-limited and may be missing, the lines of the
//! kills are not.

use super::message::{Chose, Columns, Counter, Cpu, Header, Killed, Message, Summary, Task, Usage};
use super::scan::Scan;
use super::{Caller, Entry, Stamp};
use crate::text::KernelText;

/// Seconds between two lines of one incident. A serial console may take milliseconds for each.
const STALE_AFTER: u32 = 10;

/// Seconds without a kill after which a message of somebody else ends an incident.
const OVER_AFTER: u32 = 1;

/// Rows of the table of tasks that are kept.
const MAX_TASKS: usize = 1 << 16;

/// Frames of a stack that are kept.
const MAX_FRAMES: usize = 128;

/// Victims of one incident.
const MAX_VICTIMS: usize = 1 << 16;

/// An incident so far.
#[derive(Debug)]
pub(super) struct Open {
    /// Its first line's.
    pub(super) start: Stamp,
    pub(super) host: Option<String>,
    pub(super) boot_id: Option<String>,
    last: Stamp,
    caller: Option<Caller>,
    pub(super) dump: Dump,
    pub(super) victims: Vec<Victim>,
    /// That a group is to be killed, and its path if that is sure.
    pub(super) group: Option<Option<KernelText>>,
}

/// A process that was killed.
#[derive(Debug)]
pub(super) struct Victim {
    pub(super) killed: Killed,
    /// The stamp of the line that says so, in microseconds.
    pub(super) log_us: Option<u64>,
    /// Further kills of it.
    pub(super) again: Vec<Killed>,
}

/// What the kernel says of a shortage before it kills.
#[derive(Debug, Default)]
pub(super) struct Dump {
    pub(super) header: Option<Header>,
    /// Those that may be the trigger's, by its name.
    cpu: Vec<Cpu>,
    /// Lines of this kind, of whomever.
    cpus: u32,
    traces: u32,
    has_trace: bool,
    /// Whether another's stack was being logged when this began.
    pub(super) is_mixed: bool,
    frames: Vec<Option<String>>,
    pub(super) hardware: Option<KernelText>,
    usage: Vec<Usage>,
    /// As the log has it, and as the kernel does if that is sure.
    pub(super) stats_for: Option<(KernelText, Option<KernelText>)>,
    columns: Option<Columns>,
    tasks: Vec<Task>,
    /// Before 5.0: cpuset and nodes.
    pub(super) cpuset: Option<(Option<KernelText>, String)>,
    /// Before 5.0: the cgroups of the chosen task and of the limit.
    pub(super) limit: Option<(Option<KernelText>, Option<KernelText>)>,
    pub(super) summary: Option<Summary>,
    /// Before 5.1.
    pub(super) chose: Option<Chose>,
}

impl Victim {
    pub(super) fn new(killed: Killed, stamp: Stamp) -> Self {
        let log_us = stamp.boot_ns.map(|boot_ns| boot_ns / 1000);
        Self { killed, log_us, again: Vec::new() }
    }
}

impl Open {
    pub(super) fn new(entry: &Entry<'_>) -> Self {
        Self {
            start: entry.stamp,
            host: entry.host.map(Into::into),
            boot_id: entry.boot_id.map(Into::into),
            last: entry.stamp,
            caller: entry.caller,
            dump: Dump::default(),
            victims: Vec::new(),
            group: None,
        }
    }

    /// Whether a line may belong to it, by who logged it and when.
    fn may_hold(&self, entry: &Entry<'_>) -> bool {
        let other = self.caller.zip(entry.caller).is_some_and(|(a, b)| a != b);
        !other && !self.last.is_before(entry.stamp, STALE_AFTER)
    }

    /// Takes a line of the dump, if it belongs to it.
    pub(super) fn describe(&mut self, message: Message<'_>, entry: &Entry<'_>) {
        if self.victims.is_empty() && self.group.is_none() && self.may_hold(entry) {
            self.last = entry.stamp;
            self.dump.take(message, entry);
        }
    }

    /// Takes the summary, or hands it back: it is another shortage's.
    pub(super) fn sum_up(&mut self, summary: Summary, entry: &Entry<'_>) -> Option<Summary> {
        let fits = self.victims.is_empty()
            && self.group.is_none()
            && self.may_hold(entry)
            && self.dump.fits(&summary);
        if !fits {
            return Some(summary);
        }
        self.last = entry.stamp;
        self.dump.summary = Some(summary);
        None
    }

    /// Takes a kill, or hands it back: it is, or may be, another shortage's, of which there may be
    /// no dump.
    pub(super) fn kill(
        &mut self,
        killed: Killed,
        entry: &Entry<'_>,
        may_lack_dump: bool,
    ) -> Option<Killed> {
        let is_of_this = self.may_hold(entry) && self.is_of_this(&killed, may_lack_dump);
        if !is_of_this || self.victims.len() >= MAX_VICTIMS {
            return Some(killed);
        }
        self.last = entry.stamp;
        match self.victims.iter_mut().find(|known| known.killed.tid == killed.tid) {
            Some(known) => known.again.push(killed),
            None => self.victims.push(Victim::new(killed, entry.stamp)),
        }
        None
    }

    fn is_of_this(&self, killed: &Killed, may_lack_dump: bool) -> bool {
        let is_listed = || self.dump.tasks.is_empty() || self.dump.process(killed.tid).is_some();
        let may_be_member = || self.dump.summary.is_some() && !may_lack_dump && is_listed();
        match (self.victims.first(), &self.group) {
            (Some(first), Some(_)) => {
                first.killed.message == killed.message
                    && (first.killed.tid == killed.tid || may_be_member())
            }
            // Only a group has more than one.
            (Some(_), None) => false,
            (None, Some(_)) => self.dump.expects(killed) && may_be_member(),
            (None, None) => self.dump.expects(killed) && self.dump.chose(killed),
        }
    }

    /// Takes the line that announces a group kill. The kill before it was the first of another
    /// shortage if a group was being killed already: it is handed back.
    pub(super) fn group(
        &mut self,
        path: Option<KernelText>,
        entry: &Entry<'_>,
    ) -> Result<(), Option<Box<Victim>>> {
        if !self.may_hold(entry) || (self.victims.is_empty() && self.dump.chosen().is_none()) {
            return Err(None);
        }
        if self.group.is_some() {
            let is_single = self.victims.len() > 1
                && self.victims.last().is_some_and(|last| last.again.is_empty());
            let last = if is_single { self.victims.pop() } else { None };
            return Err(last.map(Box::new));
        }
        self.last = entry.stamp;
        self.group = Some(path);
        Ok(())
    }

    /// Whether there is something to report, and others have had the word for a while.
    pub(super) fn is_over(&self, now: Stamp) -> bool {
        self.has_victims() && self.last.is_before(now, OVER_AFTER)
    }

    /// Whether there is something to report.
    pub(super) fn has_victims(&self) -> bool {
        !self.victims.is_empty()
    }

    /// Whether the kernel may panic for want of this memory.
    pub(super) fn may_panic(&self, entry: &Entry<'_>) -> bool {
        let is_described = self.dump.header.is_some() && self.dump.summary.is_none();
        is_described && self.victims.is_empty() && self.may_hold(entry)
    }

    /// Whether another's stack may stand in its dump.
    pub(super) fn is_mixed(&self) -> bool {
        self.dump.is_mixed()
    }

    /// A kill of which nothing else is known.
    pub(super) fn begin_with(&mut self, victim: Victim) {
        self.victims.push(victim);
    }
}

impl Dump {
    fn take(&mut self, message: Message<'_>, entry: &Entry<'_>) {
        match message {
            Message::Cpu(cpu) => {
                self.cpus += 1;
                let is_triggers = |header: &Header| header.comm.logged == cpu.comm.logged;
                if self.cpu.len() < 2 && self.header.as_ref().is_some_and(is_triggers) {
                    self.cpu.push(cpu);
                }
            }
            Message::Hardware(name) => self.hardware = entry.names.read(name),
            Message::Trace => self.traces += 1,
            Message::Frame(frame) if self.may_add_frame() => self.frames.push(frame),
            // It belongs to a stack that began before, or what ended this one was another's.
            Message::Frame(_) if self.traces == 0 || self.has_trace => self.is_mixed = true,
            Message::TraceEnd => self.has_trace = self.traces > 0,
            Message::Usage(usage) if self.usage(usage.counter).is_none() => self.usage.push(usage),
            // Before 5.0 there is one for each cgroup below; the first is that of the limit.
            Message::StatsFor(path) if self.stats_for.is_none() => {
                self.stats_for = Some((KernelText::from(path), entry.names.read(path)));
            }
            Message::Columns(columns) => self.columns = Some(columns),
            Message::Row(row) => self.row(row),
            Message::Cpuset(cpuset, nodes) => self.cpuset = Some((cpuset, nodes)),
            Message::Limit(task, limit) => self.limit = Some((task, limit)),
            Message::Chose(chose) => self.chose = Some(chose),
            _ => {}
        }
    }

    fn may_add_frame(&self) -> bool {
        self.traces > 0 && !self.has_trace && self.frames.len() < MAX_FRAMES
    }

    fn row(&mut self, row: Scan<'_>) {
        let task = self.columns.as_ref().and_then(|columns| columns.read(row));
        if let Some(task) = task.filter(|_| self.tasks.len() < MAX_TASKS) {
            self.tasks.push(task);
        }
    }

    /// Whether the summary can be of the shortage that is described here.
    fn fits(&self, summary: &Summary) -> bool {
        let limit = match (&self.stats_for, &summary.oom_memcg) {
            (Some((stats, _)), Some(path)) => stats == path,
            // Of two ways to read the path none is known.
            (Some(_), None) => summary.constraint == "CONSTRAINT_MEMCG",
            (None, _) => true,
        };
        limit && self.summary.is_none() && self.chose.is_none()
    }

    /// The thread that was chosen.
    pub(super) fn chosen(&self) -> Option<u32> {
        let summary = self.summary.as_ref().map(|summary| summary.pid);
        summary.or_else(|| self.chose.as_ref().map(|chose| chose.tid))
    }

    /// Whether a kill that follows must be that of the task chosen here. Kernels before 5.1 may
    /// kill a child in its place.
    fn chose(&self, killed: &Killed) -> bool {
        let Some(chosen) = self.chosen() else { return false };
        let is_child =
            self.chose.is_some() && (self.tasks.is_empty() || self.process(killed.tid).is_some());
        let processes = self.process(chosen).zip(self.process(killed.tid));
        chosen == killed.tid || is_child || processes.is_some_and(|(a, b)| a == b)
    }

    /// Whether the kernel's words are those for this kind of shortage.
    fn expects(&self, killed: &Killed) -> bool {
        let is_memcg = self.summary.as_ref().map(|it| it.constraint == "CONSTRAINT_MEMCG");
        let says_memcg = killed.message.map(|message| message.starts_with("Memory cgroup"));
        is_memcg.zip(says_memcg).is_none_or(|(is, says)| is == says)
    }

    /// The row of a thread's process: its own, or that of another thread if it is the leader.
    pub(super) fn task(&self, tid: u32) -> Option<&Task> {
        let own = self.tasks.iter().find(|task| task.tid == tid);
        own.or_else(|| self.tasks.iter().find(|task| task.pid == tid))
    }

    /// The process of a thread.
    pub(super) fn process(&self, tid: u32) -> Option<u32> {
        self.task(tid).map(|task| task.pid)
    }

    /// The trigger's line; `None` if two tasks may be meant.
    pub(super) fn cpu(&self) -> Option<&Cpu> {
        match self.cpu.as_slice() {
            [cpu] => Some(cpu),
            _ => None,
        }
    }

    pub(super) fn usage(&self, counter: Counter) -> Option<Usage> {
        self.usage.iter().find(|usage| usage.counter == counter).copied()
    }

    fn is_mixed(&self) -> bool {
        self.is_mixed || self.cpus > 1 || self.traces > 1
    }

    /// The trigger's stack from the caller of `oom_kill_process` on; `None` if another's may be
    /// mixed with it.
    pub(super) fn stack(&self) -> Option<Vec<String>> {
        let is_whole = self.cpus == 1 && self.traces == 1;
        if !is_whole || self.is_mixed || self.cpu().is_none() || self.frames.len() >= MAX_FRAMES {
            return None;
        }
        let sure = self.frames.iter().flatten();
        let stack: Vec<_> =
            sure.skip_while(|frame| !frame.starts_with("out_of_memory+")).cloned().collect();
        (!stack.is_empty()).then_some(stack)
    }
}
