//! What the kernel says of a shortage before it kills.

use super::Entry;
use super::memory::Memory;
use super::message::{
    Chose, Columns, Counter, Counters, Cpu, Header, Killed, Message, Summary, Task, Usage,
};
use super::scan::Scan;
use crate::release::Release;
use crate::text::KernelText;

/// Rows of the table of tasks that are kept.
const MAX_TASKS: usize = 1 << 16;

/// Frames of a stack that are kept.
const MAX_FRAMES: usize = 128;

/// Counters of `memory.stat` that are kept; Linux 7.3 has 79.
const MAX_STAT: usize = 512;

/// A dump so far.
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
    user_pc: Option<String>,
    /// Whether it is an x86, if anything tells.
    pub(super) is_x86: bool,
    pub(super) hardware: Option<KernelText>,
    usage: Vec<Usage>,
    /// As the log has it, and as the kernel does if that is sure.
    pub(super) stats_for: Option<(KernelText, Option<KernelText>)>,
    /// How many cgroups told theirs: before 5.0, the limit's and all below it.
    stats: u32,
    /// Before 5.1, each cgroup has its own share, and all of them together are what others print.
    stat: Counters,
    pub(super) memory: Memory,
    columns: Option<Columns>,
    pub(super) tasks: Vec<Task>,
    /// Whether all rows were read.
    pub(super) has_all_tasks: bool,
    /// Whether rows before the first that is there may be missing.
    is_partial: bool,
    /// Before 5.0: cpuset and nodes.
    pub(super) cpuset: Option<(Option<KernelText>, String)>,
    /// Before 5.0: the cgroups of the chosen task and of the limit.
    pub(super) limit: Option<(Option<KernelText>, Option<KernelText>)>,
    pub(super) summary: Option<Summary>,
    /// Before 5.1.
    pub(super) chose: Option<Chose>,
}

impl Dump {
    pub(super) fn take(&mut self, message: Message<'_>, entry: &Entry<'_>) {
        match message {
            Message::Cpu(cpu) => {
                self.cpus += 1;
                let is_triggers = match &self.header {
                    Some(header) => is_name_of(&header.comm.logged, &cpu.comm.logged),
                    None => false,
                };
                if self.cpu.len() < 2 && is_triggers {
                    self.cpu.push(cpu);
                }
            }
            Message::Hardware(name) if self.hardware.is_none() => {
                self.hardware = entry.names.read(name);
            }
            Message::Trace => self.traces += 1,
            Message::Frame(frame) if self.may_add_frame() => self.frames.push(frame),
            // It belongs to a stack that began before, or what ended this one was another's.
            Message::Frame(_) if self.traces == 0 || self.has_trace => self.is_mixed = true,
            Message::TraceEnd(pc) => {
                self.has_trace = self.traces > 0;
                self.is_x86 |= pc.as_ref().is_some_and(|pc| pc.is_x86);
                if self.has_trace && self.user_pc.is_none() {
                    self.user_pc = pc.map(|pc| pc.at);
                }
            }
            Message::Usage(usage) if self.usage(usage.counter).is_none() => self.usage.push(usage),
            Message::StatsFor(path, stat) => self.stats_for(path, &stat, entry),
            Message::Stat(stat) if self.stats_for.is_some() && self.columns.is_none() => {
                let room = MAX_STAT.saturating_sub(self.stat.len());
                self.stat.extend(stat.into_iter().take(room));
            }
            Message::MemInfo(line) => self.memory.take(line),
            Message::Columns(columns) => {
                self.columns = Some(columns);
                self.has_all_tasks = self.tasks.is_empty();
            }
            Message::Row(row) => self.row(row, entry),
            Message::Cpuset(cpuset, nodes) => self.cpuset = Some((cpuset, nodes)),
            Message::Limit(task, limit) => self.limit = Some((task, limit)),
            Message::Chose(chose) => self.chose = Some(chose),
            _ => {}
        }
    }

    /// Before 5.0 there is one for each cgroup below; the first is that of the limit.
    fn stats_for(&mut self, path: &[u8], stat: &Counters, entry: &Entry<'_>) {
        self.stats += 1;
        if self.stats_for.is_none() {
            self.stats_for = Some((KernelText::from(path), entry.names.read(path)));
        }
        for (name, number) in stat {
            let known = self.stat.len();
            match self.stat.iter_mut().find(|(other, _)| other == name) {
                Some((_, sum)) => *sum = sum.saturating_add(*number),
                None if known < MAX_STAT => self.stat.push((name.clone(), *number)),
                None => {}
            }
        }
    }

    fn may_add_frame(&self) -> bool {
        self.traces > 0 && !self.has_trace && self.frames.len() < MAX_FRAMES
    }

    fn row(&mut self, row: Scan<'_>, entry: &Entry<'_>) {
        if self.columns.is_none() {
            // The head of the table was lost, and rows with it.
            self.columns = Columns::guess(row);
            self.is_partial = true;
        }
        let Some(columns) = &self.columns else { return };
        match columns.read(row, entry.names).filter(|_| self.tasks.len() < MAX_TASKS) {
            // Its name ends the line.
            Some(task) if entry.cut => self.tasks.push(Task { comm: None, ..task }),
            Some(task) => self.tasks.push(task),
            None => self.has_all_tasks = false,
        }
    }

    /// Whether the summary can be of the shortage that is described here.
    pub(super) fn fits(&self, summary: &Summary) -> bool {
        let limit = match (&self.stats_for, &summary.oom_memcg) {
            (Some((stats, _)), Some(path)) => stats == path,
            // Of two ways to read the path none is known.
            (Some(_), None) => "CONSTRAINT_MEMCG".starts_with(&summary.constraint),
            (None, _) => true,
        };
        limit && self.summary.is_none() && self.chose.is_none()
    }

    pub(super) fn sum_up(&mut self, mut summary: Summary) {
        summary.decide(|tid| self.tasks.iter().find(|task| task.tid == tid)?.comm.clone());
        self.summary = Some(summary);
    }

    /// The thread that was chosen.
    pub(super) fn chosen(&self) -> Option<u32> {
        match &self.summary {
            Some(summary) => summary.pid,
            None => self.chose.as_ref().map(|chose| chose.tid),
        }
    }

    /// Whether the table has the names of tasks.
    pub(super) fn has_names(&self) -> bool {
        self.columns.as_ref().is_none_or(|columns| !columns.lack_names())
    }

    /// The one cgroup that all tasks are in, if that is told: the limit's, with none below it.
    pub(super) fn only_cgroup(&self) -> Option<&KernelText> {
        let (task, limit) = self.limit.as_ref()?;
        let (task, limit) = (task.as_ref()?, limit.as_ref()?);
        (task == limit && self.stats == 1).then_some(limit)
    }

    /// Whether it has a message of this kind, of which a dump has one.
    pub(super) fn has_one_of(&self, message: &Message<'_>) -> bool {
        match message {
            Message::Chose(_) => self.chose.is_some(),
            Message::Limit(..) => self.limit.is_some(),
            _ => false,
        }
    }

    /// Whether it is known what was asked for.
    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Whether there is anything that only an OOM kill is preceded by.
    pub(super) fn is_described(&self) -> bool {
        let Self { header, usage, stats_for, columns, limit, summary, chose, .. } = self;
        header.is_some()
            || !usage.is_empty()
            || stats_for.is_some()
            || columns.is_some()
            || limit.is_some()
            || summary.is_some()
            || chose.is_some()
    }

    /// Whether a kill that follows must be that of the task chosen here. Kernels before 5.1 may
    /// kill a child in its place.
    pub(super) fn chose(&self, killed: &Killed) -> bool {
        let is_listed = || self.may_list(killed.tid);
        let Some(chosen) = self.chosen() else {
            // The line that names it was cut or left out: the kernel handles one shortage at a time.
            return self.is_described() && is_listed();
        };
        let is_child = self.chose.is_some() && is_listed();
        let processes = self.process(chosen).zip(self.process(killed.tid));
        if chosen == killed.tid {
            return self.names_alike(killed);
        }
        is_child || processes.is_some_and(|(a, b)| a == b)
    }

    /// Whether a thread may be in the table, as far as there is one.
    pub(super) fn may_list(&self, tid: u32) -> bool {
        self.tasks.is_empty() || self.is_partial || self.process(tid).is_some()
    }

    /// The name that another line has of a thread, and whether nothing of it can be missing there: a line feed in
    /// it ends a row of a printed table.
    pub(super) fn name_of(&self, tid: u32, is_exact: bool) -> Option<(&KernelText, bool)> {
        let summary = self.summary.as_ref().filter(|summary| summary.pid == Some(tid));
        let chose = self.chose.as_ref().filter(|chose| chose.tid == tid);
        let row = || self.tasks.iter().find(|task| task.tid == tid)?.comm.as_ref();
        let said = summary.and_then(|summary| summary.task.as_ref());
        let said = said.or_else(|| chose.and_then(|chose| chose.comm.as_ref()));
        said.map(|name| (name, true)).or_else(|| Some((row()?, is_exact)))
    }

    /// Whether the name of who was killed is that of who was chosen; a task may rename itself, but between two
    /// lines few do.
    fn names_alike(&self, killed: &Killed) -> bool {
        let chosen = match &self.summary {
            Some(summary) => summary.task.as_ref(),
            None => self.chose.as_ref().and_then(|chose| chose.comm.as_ref()),
        };
        chosen.zip(killed.comm.as_ref()).is_none_or(|(a, b)| a == b)
    }

    /// Whether the kernel's words are those for this kind of shortage.
    pub(super) fn expects(&self, killed: &Killed) -> bool {
        let says_memcg = killed.message.map(|message| message.starts_with("Memory cgroup"));
        self.is_memcg().zip(says_memcg).is_none_or(|(is, says)| is == says)
    }

    /// Whether it is the limit of a cgroup that was met, if that is told.
    pub(super) fn is_memcg(&self) -> Option<bool> {
        let summary = self.summary.as_ref().map(|it| it.constraint.as_str());
        match summary {
            Some("CONSTRAINT_MEMCG") => Some(true),
            Some("CONSTRAINT_NONE" | "CONSTRAINT_CPUSET" | "CONSTRAINT_MEMORY_POLICY") => {
                Some(false)
            }
            _ if self.limit.is_some() || !self.usage.is_empty() || self.stats_for.is_some() => {
                Some(true)
            }
            _ => None,
        }
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

    /// What `memory.stat` of the limit's cgroup says. The kernel prints that of 5.1 to 6.10 as one
    /// message, which loses its end in some logs: then its last number is doubtful.
    pub(super) fn stat(&self) -> Option<&[(String, u64)]> {
        let len: usize = self
            .stat
            .iter()
            .map(|(name, number)| {
                name.len() + 2 + number.checked_ilog10().unwrap_or(0) as usize + 1
            })
            .sum();
        let release = self.cpu().and_then(|cpu| cpu.release.as_deref());
        let release = release.map(|release| Release::new(release).version());
        let is_one_message = release.is_none_or(|release| release < (6, 12));
        let last = usize::from(is_one_message && (900..1100).contains(&len));
        let stat = self.stat.get(..self.stat.len().saturating_sub(last))?;
        (!stat.is_empty()).then_some(stat)
    }

    pub(super) fn is_mixed(&self) -> bool {
        self.is_mixed || self.cpus > 1 || self.traces > 1
    }

    /// Whether what follows `Call Trace:` is of the trigger alone.
    fn is_triggers_trace(&self) -> bool {
        self.cpus == 1 && self.traces == 1 && !self.is_mixed && self.cpu().is_some()
    }

    /// Where the trigger was in its program; `None` if another's registers may be mixed with it.
    pub(super) fn user_pc(&self) -> Option<String> {
        self.user_pc.clone().filter(|_| self.is_triggers_trace())
    }

    /// The trigger's stack from the caller of `oom_kill_process` on; `None` if another's may be
    /// mixed with it.
    pub(super) fn stack(&self) -> Option<Vec<String>> {
        if !self.is_triggers_trace() || self.frames.len() >= MAX_FRAMES {
            return None;
        }
        let sure = self.frames.iter().flatten();
        let stack: Vec<_> =
            sure.skip_while(|frame| !frame.starts_with("out_of_memory+")).cloned().collect();
        (!stack.is_empty()).then_some(stack)
    }
}

/// Whether a header is of this task. What some logger put before a line may stand before the name.
fn is_name_of(header: &KernelText, comm: &KernelText) -> bool {
    let before = header.as_bytes().strip_suffix(comm.as_bytes());
    before.is_some_and(|before| before.last().is_none_or(u8::is_ascii_whitespace))
}
