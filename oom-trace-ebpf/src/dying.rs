//! Victims whose memory is not back, remembered from the mark to their end.
//!
//! The mark is under `oom_lock`, an end is not: it comes on any CPU. Who takes an entry out, tells
//! of it.

use aya_ebpf::macros::map;
use aya_ebpf::maps::HashMap;
use oom_trace_common::record::COMM_LEN;

use crate::kernel::{Mm, Task};
use crate::records::boot_ns;
use crate::scratch::Word;

/// As many as may be dying at a time; a power of two. The map has room for all of them from the start:
/// kernels before 6.1 warn of a program like this one that allocates when it runs.
const ROOM: usize = 1024;

/// Whose memory is awaited.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Dying {
    /// The incident of its mark.
    pub(crate) incident: u64,
    /// When it was marked.
    pub(crate) marked_ns: u64,
    /// The first thread of its process, which stays until all others are gone.
    leader: u64,
    /// When the process started.
    pub(crate) start_boottime: u64,
    /// Marks before this one.
    turn: u64,
    pub(crate) pid: u32,
    /// The thread that was marked.
    pub(crate) tid: u32,
    pub(crate) comm: [u8; COMM_LEN],
    /// 1 if `comm` could be read.
    pub(crate) has_comm: u32,
    /// 1 if others use its memory, who may outlive it.
    shared: u32,
}

/// By the address of their `mm_struct`.
#[map]
static DYING: HashMap<u64, Dying> = HashMap::with_max_entries(ROOM as u32, 0);

/// The keys of the last marks: the oldest makes room for the next, should no hook have seen its end.
static ORDER: [Word; ROOM] = [const { Word::zero() }; ROOM];

/// The threads that were marked, in the same order.
static THREADS: [Word; ROOM] = [const { Word::zero() }; ROOM];

/// Marks so far.
static MARKS: Word = Word::zero();

impl Dying {
    /// Whether its memory is `mm` still. Its process pins that as long as there is one (`oom_mm`,
    /// `mark_oom_victim` in mm/oom_kill.c); later another may have come to the same address.
    fn is_of(&self, mm: Mm) -> bool {
        let leader = Task::new(self.leader);
        self.shared != 0
            || (leader.pid().value == self.pid
                && leader.start_boottime().value == self.start_boottime
                && leader.oom_mm().address() == mm.address()
                && !leader.is_freed())
    }
}

/// Remembers a victim at its mark.
pub(crate) fn remember(incident: u64, task: Task) {
    remember_task(incident, task.address());
}

#[unsafe(no_mangle)]
#[inline(never)]
#[expect(clippy::needless_borrows_for_generic_args, reason = "a copy would take stack")]
extern "C" fn remember_task(incident: u64, task: u64) -> u64 {
    let task = Task::new(task);
    let (leader, mm) = (task.leader(), task.mm().address());
    let start_boottime = leader.start_boottime().value;
    if mm == 0 {
        return 0;
    }
    // SAFETY: of the entry no more is read than numbers.
    if let Some(known) = unsafe { DYING.get(mm) }
        && known.leader == leader.address()
        && known.start_boottime == start_boottime
    {
        // The first mark of a victim counts.
        return 0;
    }
    let turn = MARKS.get();
    MARKS.set(turn + 1);
    let place = turn as usize & (ROOM - 1);
    if let (Some(oldest), Some(thread)) = (ORDER.get(place), THREADS.get(place)) {
        let old = oldest.get();
        oldest.set(mm);
        thread.set(task.tid().value as u64);
        // SAFETY: as above.
        if let Some(entry) = unsafe { DYING.get(old) }
            && entry.turn + ROOM as u64 == turn
        {
            let _ = DYING.remove(old);
        }
    }
    let mut comm = [0; COMM_LEN];
    let has_comm = task.comm(&mut comm);
    let entry = Dying {
        incident,
        marked_ns: boot_ns(),
        leader: leader.address(),
        start_boottime,
        turn,
        pid: task.pid().value,
        tid: task.tid().value,
        comm,
        has_comm: has_comm as u32,
        shared: 0,
    };
    // A map that is full costs the record of the end, not the kill's.
    let _ = DYING.insert(mm, &entry, 0);
    0
}

/// Others use this memory as well: it may outlive its victim.
pub(crate) fn share(mm: u64) {
    if let Some(entry) = DYING.get_ptr_mut(mm) {
        // SAFETY: the entry is a value of the map, of whose numbers other hooks only read.
        unsafe { (*entry).shared = 1 };
    }
}

/// Takes out the victim that had this memory; `None` if there is none, or another hook took it.
#[inline(always)]
pub(crate) fn take(mm: Mm) -> Option<Dying> {
    // SAFETY: the copy is made at once. Were the entry another's by now, its removal would fail.
    let entry = *unsafe { DYING.get(mm.address()) }?;
    let is_there = entry.is_of(mm);
    DYING.remove(mm.address()).ok()?;
    is_there.then_some(entry)
}

/// The memory of the victim of which this thread was marked last.
#[inline(always)]
pub(crate) fn memory_of(tid: u32) -> Option<Mm> {
    for block in 0..BLOCKS {
        let mm = find_thread(tid as u64, block);
        if mm != 0 {
            return Some(Mm::new(mm));
        }
    }
    None
}

/// Marks that are looked through by one call, and calls for all of them.
const BLOCK: u64 = 32;
const BLOCKS: u64 = ROOM as u64 / BLOCK;

/// Looks for the mark of a thread among some of them, the last first; 0 if it is not there.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn find_thread(tid: u64, block: u64) -> u64 {
    let last = MARKS.get() - 1 - block * BLOCK;
    for back in 0..BLOCK {
        let place = (last - back) as usize & (ROOM - 1);
        if let (Some(thread), Some(mm)) = (THREADS.get(place), ORDER.get(place))
            && thread.get() == tid
        {
            return mm.get();
        }
    }
    0
}
