//! The incident that the kernel is in, remembered from one hook to the next.

use oom_trace_common::record::{End, kind};

use crate::kernel::Task;
use crate::records::{boot_ns, header};
use crate::scratch::Word;

/// The incident; all zero between incidents.
///
/// Hooks that run under `oom_lock` change it. One that does not, on the signals of the whole machine,
/// reads who is in it, and goes no further where that is another thread.
pub(crate) static CURRENT: Current = Current {
    incident: Word::zero(),
    trigger: Word::zero(),
    orphan: Word::zero(),
    kills: Word::zero(),
    killer: Word::zero(),
    killing: Word::zero(),
    threads: Word::zero(),
    marked: Word::zero(),
    victim: Word::zero(),
    memory: Word::zero(),
    source: Word::zero(),
};

pub(crate) struct Current {
    /// Names the incident, 0 outside of one.
    incident: Word,
    /// Thread that is in `oom_kill_process`.
    trigger: Word,
    /// 1 if no hook saw the entry: then it ends with the mark that it started with.
    orphan: Word,
    /// Entries of `__oom_kill_process` that were seen in it.
    kills: Word,
    /// Thread that entered `__oom_kill_process` last.
    killer: Word,
    /// The process given to it (`signal_struct`: the thread that is marked may be another of it), until
    /// that is marked.
    killing: Word,
    /// Its threads then, before the signal that ends them; 0 if they could not be read.
    threads: Word,
    /// The thread whose mark a probe saw, until the tracepoint has seen it too.
    marked: Word,
    /// The process that a probe reported last.
    victim: Word,
    /// Its memory.
    memory: Word,
    /// That probe's `source`.
    source: Word,
}

impl Current {
    /// Starts an incident.
    pub(crate) fn start(&self) {
        let Self {
            incident,
            trigger,
            orphan,
            kills,
            killer: _,
            killing: _,
            threads: _,
            marked: _,
            victim,
            memory: _,
            source: _,
        } = self;
        trigger.set(Task::current_thread());
        orphan.set(0);
        kills.set(0);
        victim.set(0);
        incident.set(boot_ns());
    }

    /// Starts one that is an orphan, unless this thread is in an incident; whether it did.
    pub(crate) fn start_orphan(&self) -> bool {
        let orphan = !self.is_here();
        if orphan {
            self.start();
            self.orphan.set(1);
        }
        orphan
    }

    /// Whether this thread is in an incident. Another thread's is one whose end no hook saw.
    pub(crate) fn is_here(&self) -> bool {
        self.incident.get() != 0 && self.trigger.get() == Task::current_thread()
    }

    pub(crate) fn incident(&self) -> u64 {
        self.incident.get()
    }

    pub(crate) fn enter_kill(&self, victim: Task) {
        self.kills.set(self.kills.get() + 1);
        self.killer.set(Task::current_thread());
        self.threads.set(victim.threads().value as u64);
        self.killing.set(victim.signal());
    }

    /// Whether this mark is part of a kill that this thread entered; asked once a mark.
    pub(crate) fn take_kill(&self, victim: Task) -> bool {
        let killing = self.killing.take();
        killing != 0 && killing == victim.signal() && self.killer.get() == Task::current_thread()
    }

    /// Likewise of a mark of which no more is known than a thread id.
    pub(crate) fn take_any_kill(&self) -> bool {
        self.killing.take() != 0 && self.killer.get() == Task::current_thread()
    }

    /// Whether this thread came to decide, and has killed nobody, as far as hooks can tell.
    pub(crate) fn killed_nobody(&self) -> bool {
        self.is_here() && self.orphan.get() == 0 && self.kills.get() == 0
    }

    /// Threads of the task given to `__oom_kill_process`; asked once a mark, 0 if it is no kill.
    pub(crate) fn take_threads(&self) -> u32 {
        self.threads.take() as u32
    }

    /// A probe saw the mark of this thread: the tracepoint inside of it has nothing to add.
    pub(crate) fn seen(&self, thread: Task) {
        self.marked.set(thread.tid().value as u64);
    }

    /// A probe reported a mark.
    pub(crate) fn reported(&self, victim: Task, source: u32) {
        self.seen(victim);
        self.memory.set(victim.mm().address());
        self.source.set(source as u64);
        self.victim.set(victim.pid().value as u64);
    }

    /// Whether this task, signalled by the kernel just now, is of a process that shares the memory
    /// of the last victim; that memory and the `source` of its record if so. The victim's own signal
    /// comes before its mark.
    pub(crate) fn shares_victim(&self, task: Task) -> Option<(u64, u32)> {
        let victim = self.victim.get();
        let shares = self.is_here()
            && self.killing.get() == 0
            && victim != 0
            && victim != task.pid().value as u64;
        shares.then(|| (self.memory.get(), self.source.get() as u32))
    }

    /// Whether a probe saw the mark of this thread; asked once by the tracepoint inside of it.
    pub(crate) fn take_seen(&self, tid: u32) -> bool {
        self.marked.take() == tid as u64
    }

    /// Ends the incident; what says so.
    pub(crate) fn end(&self, source: u32) -> End {
        let end = End { header: header(kind::END, source, self.incident.get()) };
        self.incident.set(0);
        self.victim.set(0);
        self.killing.set(0);
        self.threads.set(0);
        end
    }

    /// Ends an incident that is an orphan.
    pub(crate) fn end_orphan(&self, source: u32) -> Option<End> {
        (self.orphan.get() != 0).then(|| self.end(source))
    }
}
