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
    /// The task given to `__oom_kill_process`, until it is marked.
    killing: u64,
    /// The task that a probe reported, until the tracepoint has seen it too.
    marked: u64,
}

impl Current {
    pub(crate) fn get() -> Option<&'static mut Self> {
        only(&CURRENT)
    }

    /// Starts an incident and returns its name.
    pub(crate) fn start(&mut self) -> u64 {
        let incident = boot_ns();
        *self = Self { incident, trigger: Task::current_thread(), killing: 0, marked: 0 };
        incident
    }

    /// The incident this thread is in. Another thread's is one whose end no hook saw.
    pub(crate) fn incident(&self) -> Option<u64> {
        (self.incident != 0 && self.trigger == Task::current_thread()).then_some(self.incident)
    }

    pub(crate) fn enter_kill(&mut self, victim: Task) {
        self.killing = victim.address();
    }

    /// Whether the mark that follows is part of a kill; asked once a mark.
    pub(crate) fn take_kill(&mut self) -> bool {
        core::mem::take(&mut self.killing) != 0 && self.incident().is_some()
    }

    pub(crate) fn reported(&mut self, victim: Task) {
        self.marked = victim.address();
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
        *self = Self { incident: 0, trigger: 0, killing: 0, marked: 0 };
        submit(end.as_bytes());
    }
}
