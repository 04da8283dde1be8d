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
    /// That badness.
    floor: Word,
    /// The task being weighed.
    scale: Weight,
    /// Those with the most badness.
    top: [Weight; CANDIDATES],
    /// The one that holds the most.
    largest: Weight,
}

/// A task and what it weighs; the record of it but for its path.
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
    pub(crate) fn weigh(&self, oc: OomControl, task: Task) {
        weigh_task(oc.address(), task.address(), 0);
    }

    /// Weighs the chosen one again if it is not among the first: of equals the kernel takes the last, and
    /// those that came before keep their places.
    pub(crate) fn add_chosen(&self, oc: OomControl) {
        let chosen = oc.chosen().address();
        let is_known = (0..CANDIDATES as u64).any(|place| is_at(place, chosen) != 0);
        if self.total != 0 && !is_known {
            weigh_task(oc.address(), chosen, 1);
        }
    }
}

/// Weighs a task; `chosen` is 1 for the one that the kernel took, which is not counted again.
///
/// Most tasks do not get among the first. Of them no more is read than what decides that.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn weigh_task(oc: u64, task: u64, chosen: u64) -> u64 {
    let (weighed, leader) = (WEIGHED.get(), Task::new(task));
    let task = leader.with_mm();
    if task.address() == 0 {
        return 0;
    }
    if chosen == 0 {
        weighed.total += 1;
    }
    weigh(oc, task.address());
    let candidate = &weighed.scale.candidate;
    let is_largest = candidate.held > weighed.largest.candidate.held;
    let is_full = weighed.filled.get() >= CANDIDATES as u64;
    let is_first = candidate.oom_score_adj != OOM_SCORE_ADJ_MIN
        && (!is_full || chosen != 0 || candidate.badness > weighed.floor.get().cast_signed());
    if !is_largest && !is_first {
        return 0;
    }
    let may_die = name(leader.address(), task.address());
    if is_largest {
        weighed.largest = weighed.scale;
        weighed.largest.candidate.role = role::LARGEST;
    }
    if is_first && may_die != 0 {
        enter();
    }
    0
}

/// Puts the task on the scale among the first, in the place of the least if none is free.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn enter() -> u64 {
    let weighed = WEIGHED.get();
    let filled = weighed.filled.get();
    let is_full = filled >= CANDIDATES as u64;
    let place = if is_full { weighed.least.get() } else { filled };
    if let Some(slot) = weighed.top.get_mut(place as usize & (CANDIDATES - 1)) {
        *slot = weighed.scale;
        slot.candidate.role = role::TOP;
    }
    if !is_full {
        weighed.filled.set(filled + 1);
    }
    weighed.floor.set(i64::MAX as u64);
    for place in 0..CANDIDATES as u64 {
        lower(place);
    }
    0
}

/// Takes note of the task at a place of the first if it has less badness than those before it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn lower(place: u64) -> u64 {
    let weighed = WEIGHED.get();
    let Some(weight) = weighed.top.get(place as usize) else { return 0 };
    if weight.candidate.badness < weighed.floor.get().cast_signed() {
        weighed.floor.set(weight.candidate.badness.cast_unsigned());
        weighed.least.set(place);
    }
    0
}

/// Whether a task is at this place of the first: 1 or 0.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn is_at(place: u64, task: u64) -> u64 {
    let weight = WEIGHED.get().at(place & (CANDIDATES as u64 - 1));
    weight.is_some_and(|weight| weight.task == task) as u64
}

/// include/uapi/linux/oom.h
const OOM_SCORE_ADJ_MIN: i32 = -1000;

/// What `oom_badness` (mm/oom_kill.c) makes of a task, put on the scale.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn weigh(oc: u64, task: u64) -> u64 {
    let (oc, task) = (OomControl::new(oc), Task::new(task));
    let (candidate, mm) = (&mut WEIGHED.get().scale.candidate, task.mm());
    let mut present = 0;
    put!(present |= field::OOM_SCORE_ADJ; candidate.oom_score_adj, task.oom_score_adj());
    put!(present |= field::PGTABLES_BYTES; candidate.pgtables_bytes, mm.pgtables_bytes());
    let mut held = candidate.pgtables_bytes.cast_signed() >> mm.page_shift();
    for (place, slot) in candidate.rss.iter_mut().enumerate() {
        let counter = if weighs_exactly() { mm.rss_sum(place) } else { mm.rss_count(place) };
        // A counter that is negative for a moment is 0; without a branch.
        let pages = counter.map(|pages| pages & !(pages >> 63));
        put!(present |= (field::RSS << place); *slot, pages);
        held += pages.value;
    }
    candidate.held = held as u64;
    let adj = candidate.oom_score_adj as i64;
    candidate.badness = held + adj * (oc.totalpages().value / 1000).cast_signed();
    candidate.present = present;
    0
}

/// Adds what else is told of the task on the scale, and says whether the kernel may kill it: 1 or 0.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn name(leader: u64, task: u64) -> u64 {
    let (scale, task) = (&mut WEIGHED.get().scale, Task::new(task));
    let (candidate, mm) = (&mut scale.candidate, task.mm());
    scale.task = leader;
    let mut present = candidate.present;
    candidate.pid = task.pid().value;
    candidate.tid = task.tid().value;
    present |= field::COMM * task.comm(&mut candidate.comm);
    put!(present |= field::TOTAL_VM; candidate.total_vm, mm.total_vm());
    let may_die = candidate.oom_score_adj != OOM_SCORE_ADJ_MIN && !mm.is_skipped();
    candidate.present = present | (field::BADNESS * may_die as u64);
    may_die as u64
}
