//! What the kernel logs of a decision.

use crate::log::line::{Cpu, Invoked, Line, Summary, Task, Usage};

/// What the kernel writes of one decision, but for its `Killed process` lines: those it writes
/// always, this at most ten times in five seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dump {
    pub(crate) invoked: Invoked,
    pub(crate) cpu: Cpu,
    pub(crate) hardware: String,
    /// The frames that the kernel is sure of, from the caller of `oom_kill_process` on.
    pub(crate) stack: Vec<String>,
    pub(crate) memory: Option<Usage>,
    pub(crate) swap: Option<Usage>,
    /// Cgroup v1: memory and swap together.
    pub(crate) memsw: Option<Usage>,
    /// Cgroup v1.
    pub(crate) kmem: Option<Usage>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) summary: Summary,
    /// Whose `memory.oom.group` it is.
    pub(crate) group: Option<String>,
}

/// One for each decision that the kernel described in full. It describes shortages without a victim
/// as well; those end before the summary, and are left out.
pub(crate) fn dumps(lines: &[String]) -> Vec<Dump> {
    let mut dumps: Vec<Dump> = Vec::new();
    let mut draft = None;
    for (_, line) in parsed(lines) {
        match line {
            Line::Invoked(invoked) => draft = Some(Draft::new(invoked)),
            Line::Summary(summary) => {
                dumps.extend(draft.take().and_then(|draft| draft.finish(summary)));
            }
            Line::Group(path) => {
                if let Some(dump) = dumps.last_mut() {
                    dump.group = Some(path);
                }
            }
            Line::Killed(_) => {}
            part => {
                if let Some(draft) = &mut draft {
                    draft.add(part);
                }
            }
        }
    }
    dumps
}

/// The lines that tell of OOM kills, each with its text.
fn parsed(lines: &[String]) -> impl Iterator<Item = (String, Line)> {
    lines.iter().filter_map(|line| Some((line.clone(), Line::parse(line)?)))
}

/// A dump that goes on.
#[derive(Debug)]
struct Draft {
    invoked: Invoked,
    cpu: Option<Cpu>,
    hardware: Option<String>,
    stack: Vec<String>,
    usages: [Option<Usage>; 4],
    tasks: Vec<Task>,
}

impl Draft {
    fn new(invoked: Invoked) -> Self {
        let (cpu, hardware, stack, tasks) = (None, None, Vec::new(), Vec::new());
        Self { invoked, cpu, hardware, stack, usages: [const { None }; 4], tasks }
    }

    fn add(&mut self, part: Line) {
        match part {
            Line::Cpu(cpu) => self.cpu = Some(cpu),
            Line::Hardware(name) => self.hardware = Some(name),
            Line::Frame { text, reliable } if reliable => self.stack.push(text),
            Line::Memory(usage) => self.usages[0] = Some(usage),
            Line::Swap(usage) => self.usages[1] = Some(usage),
            Line::Memsw(usage) => self.usages[2] = Some(usage),
            Line::Kmem(usage) => self.usages[3] = Some(usage),
            Line::Task(task) => self.tasks.push(task),
            _ => {}
        }
    }

    /// `None` if the log had begun within it.
    fn finish(self, summary: Summary) -> Option<Dump> {
        let Self { invoked, cpu, hardware, stack, usages, tasks } = self;
        let [memory, swap, memsw, kmem] = usages;
        // Before the caller come the functions that write the dump.
        let caller = |frame: &String| frame.starts_with("out_of_memory+");
        let stack = stack.into_iter().skip_while(|frame| !caller(frame)).collect();
        let (cpu, hardware) = (cpu?, hardware?);
        let (group, tasks) = (None, tasks);
        Some(Dump {
            invoked,
            cpu,
            hardware,
            stack,
            memory,
            swap,
            memsw,
            kmem,
            tasks,
            summary,
            group,
        })
    }
}
