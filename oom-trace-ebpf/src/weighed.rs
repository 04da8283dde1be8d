//! The tasks that the kernel weighs before it chooses one.

use oom_trace_common::record::{CANDIDATES, Candidate, candidate_field as field, role};

use crate::kernel::{OomControl, Task, weighs_exactly};
use crate::records::put;
use crate::scratch::{Locked, Word};

/// The tasks that the kernel has weighed so far, while it looks for one to choose.
// SAFETY: all zero is a value: numbers, and arrays of them.
pub(crate) static WEIGHED: Locked<Weighed> = Locked::new(unsafe { core::mem::zeroed() });

#[repr(C)]
pub(crate) struct Weighed {
    /// The `oom_control` of the shortage; 0 outside of one.
    oc: u64,
    /// Tasks so far.
    pub(crate) total: u64,
    /// Places of `top` that are taken.
    filled: Word,
    /// The place of the task with the least badness among them, once all are.
    least: Word,
    /// The task being weighed.
    scale: Weight,
    /// Those with the most badness.
    top: [Weight; CANDIDATES],
    /// The one that holds the most.
    largest: Weight,
}

/// A task and what it weighs; the record of it but for its header and its path.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    /// Where the task is; 0 for none.
    pub(crate) task: u64,
    pub(crate) candidate: Candidate,
}

impl Weighed {
    /// A shortage begins.
    pub(crate) fn start(&mut self, oc: u64) {
        self.oc = oc;
        self.total = 0;
        self.filled.set(0);
        self.largest.task = 0;
        self.largest.candidate.held = 0;
    }

    /// What is known of the task at a place of the first, or behind them of the one that holds the most.
    #[inline(always)]
    pub(crate) fn at(&self, place: u64) -> Option<&Weight> {
        match self.top.get(place as usize) {
            Some(weight) => (place < self.filled.get()).then_some(weight),
            None => (self.largest.task != 0).then_some(&self.largest),
        }
    }

    /// Whether tasks are weighed for it.
    pub(crate) fn is_of(&self, oc: u64) -> bool {
        self.oc != 0 && self.oc == oc
    }

    /// Weighs a task of the shortage.
    #[inline(always)]
    pub(crate) fn weigh(&mut self, oc: OomControl, task: Task) {
        let thread = task.with_mm();
        if thread.address() == 0 {
            return;
        }
        self.total += 1;
        self.scale.task = task.address();
        weigh(&mut self.scale.candidate, oc, thread);
        let Candidate { badness, held, ref header, .. } = self.scale.candidate;
        // Of equals the kernel takes the last.
        if held >= self.largest.candidate.held {
            self.largest = self.scale;
            self.largest.candidate.role = role::LARGEST;
        }
        let may_die = header.present & field::BADNESS != 0;
        if !may_die {
            return;
        }
        let filled = self.filled.get();
        let is_full = filled >= CANDIDATES as u64;
        let place = if is_full { self.least.get() } else { filled };
        let Some(slot) = self.top.get_mut(place as usize & (CANDIDATES - 1)) else { return };
        if is_full && badness < slot.candidate.badness {
            return;
        }
        *slot = self.scale;
        slot.candidate.role = role::TOP;
        if !is_full {
            self.filled.set(filled + 1);
        }
        if self.filled.get() >= CANDIDATES as u64 {
            self.find_least();
        }
    }

    /// Once for each task that gets among the first, not for each task.
    #[inline(always)]
    fn find_least(&mut self) {
        let mut least = i64::MAX;
        for (place, weight) in self.top.iter().enumerate() {
            if weight.candidate.badness < least {
                least = weight.candidate.badness;
                self.least.set(place as u64);
            }
        }
    }
}

/// What `oom_badness` (mm/oom_kill.c) sees of a task.
#[inline(always)]
fn weigh(candidate: &mut Candidate, oc: OomControl, task: Task) {
    let mm = task.mm();
    let mut present = 0;
    candidate.pid = task.pid().value;
    candidate.tid = task.tid().value;
    present |= field::COMM * task.comm(&mut candidate.comm);
    put!(present |= field::OOM_SCORE_ADJ; candidate.oom_score_adj, task.oom_score_adj());
    put!(present |= field::TOTAL_VM; candidate.total_vm, mm.total_vm());
    put!(present |= field::PGTABLES_BYTES; candidate.pgtables_bytes, mm.pgtables_bytes());
    let mut held = candidate.pgtables_bytes.cast_signed() >> mm.page_shift();
    for (place, slot) in candidate.rss.iter_mut().enumerate() {
        let counter = if weighs_exactly() { mm.rss_sum(place) } else { mm.rss_count(place) };
        // A counter that is negative for a moment is 0.
        let pages = counter.map(|pages| pages.max(0));
        put!(present |= (field::RSS << place); *slot, pages);
        held += pages.value;
    }
    candidate.held = held as u64;
    let adj = candidate.oom_score_adj as i64;
    candidate.badness = held + adj * (oc.totalpages().value / 1000).cast_signed();
    const OOM_SCORE_ADJ_MIN: i64 = -1000;
    if adj != OOM_SCORE_ADJ_MIN && !mm.is_skipped() {
        present |= field::BADNESS;
    }
    candidate.header.present = present;
}
