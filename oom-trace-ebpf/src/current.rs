//! The incident that the kernel is in, remembered from one hook to the next.

use oom_trace_common::record::{End, kind};
use zerocopy::IntoBytes as _;

use crate::kernel::Task;
use crate::maps::{CURRENT, only};
use crate::records::{boot_ns, header, submit};

/// The value of the map `CURRENT`; all zero between incidents.
#[repr(C)]
pub(crate) struct Current {
    /// Names the incident, 0 outside of one.
    incident: u64,
    /// Thread that is in `oom_kill_process`.
    trigger: u64,
    /// 1 if no hook saw the entry: then it ends with the mark that it started with.
    orphan: u64,
    /// The task given to `__oom_kill_process`, until it is marked.
    killing: u64,
    /// Its threads then, before the signal that ends them; 0 if they could not be read.
    threads: u64,
    /// The task that a probe reported, until the tracepoint has seen it too.
    marked: u64,
    /// The process that a probe reported last.
    victim: u64,
    /// That probe's `source`.
    source: u64,
}

impl Current {
    const NONE: Self = Self {
        incident: 0,
        trigger: 0,
        orphan: 0,
        killing: 0,
        threads: 0,
        marked: 0,
        victim: 0,
        source: 0,
    };

    pub(crate) fn get() -> Option<&'static mut Self> {
        only(&CURRENT)
    }

    /// Starts an incident.
    pub(crate) fn start(&mut self) {
        *self = Self { incident: boot_ns(), trigger: Task::current_thread(), ..Self::NONE };
    }

    /// Starts one that is an orphan, unless this thread is in an incident; whether it did.
    pub(crate) fn start_orphan(&mut self) -> bool {
        let orphan = !self.is_here();
        if orphan {
            self.start();
            self.orphan = 1;
        }
        orphan
    }

    /// Whether this thread is in an incident. Another thread's is one whose end no hook saw.
    pub(crate) fn is_here(&self) -> bool {
        self.incident != 0 && self.trigger == Task::current_thread()
    }

    pub(crate) fn incident(&self) -> u64 {
        self.incident
    }

    pub(crate) fn enter_kill(&mut self, victim: Task) {
        self.killing = victim.address();
        self.threads = victim.threads().value as u64;
    }

    /// Whether the mark that follows is part of a kill; asked once a mark.
    pub(crate) fn take_kill(&mut self) -> bool {
        core::mem::take(&mut self.killing) != 0 && self.is_here()
    }

    /// Threads of the task given to `__oom_kill_process`; asked once a mark, 0 if it is no kill.
    pub(crate) fn take_threads(&mut self) -> u32 {
        core::mem::take(&mut self.threads) as u32
    }

    /// A probe reported a mark.
    pub(crate) fn reported(&mut self, victim: Task, source: u32) {
        self.marked = victim.address();
        self.victim = victim.pid().value as u64;
        self.source = source as u64;
    }

    /// Whether this task, signalled by the kernel just now, is of a process that shares the memory
    /// of the last victim; the `source` of that one's record if so. The victim's own signal comes
    /// before its mark.
    pub(crate) fn shares_victim(&self, task: Task) -> Option<u32> {
        let shares = self.is_here()
            && self.killing == 0
            && self.victim != 0
            && self.victim != task.pid().value as u64;
        shares.then_some(self.source as u32)
    }

    /// Whether a probe reported this mark; asked once by the tracepoint inside of it.
    pub(crate) fn take_reported(&mut self, victim: Task) -> bool {
        core::mem::take(&mut self.marked) == victim.address()
    }

    /// Likewise on a kernel whose tracepoint does not pass the task.
    pub(crate) fn take_any_reported(&mut self) -> bool {
        core::mem::take(&mut self.marked) != 0
    }

    /// Ends the incident and says so.
    pub(crate) fn end(&mut self, source: u32) {
        let end = End { header: header(kind::END, source, self.incident) };
        *self = Self::NONE;
        submit(end.as_bytes());
    }

    /// Ends an incident that is an orphan.
    pub(crate) fn end_orphan(&mut self, source: u32) {
        if self.orphan != 0 {
            let marked = self.marked;
            self.end(source);
            // The tracepoint inside the mark is still to come.
            self.marked = marked;
        }
    }
}
