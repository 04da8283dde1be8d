//! What a victim was.

use core::hint::black_box;

use oom_trace_common::record::{ARGV_LEN, Command, PARENTS, command_field as field, kind};

use super::{header, put, send_extra};
use crate::kernel::{Mm, Task};
use crate::scratch;

/// The arguments are copied in blocks, none of which lies on two pages.
const BLOCK: u64 = 2048;

/// Room for one, and more: a mask bounds what is copied, which every kernel's verifier understands.
const ROOM: usize = 4096;

/// Blocks on which there are some.
const BLOCKS: u64 = ARGV_LEN as u64 / BLOCK + 1;

/// Sends it.
pub(crate) fn send_command(source: u32, incident: u64, task: Task) {
    send_command_of(source as u64, incident, task.address());
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn send_command_of(source: u64, incident: u64, task: u64) -> u64 {
    let task = Task::new(task);
    let (record, mm) = (scratch::record::<Command>(), task.mm());
    let mut present = 0;
    record.pid = task.pid().value;
    put!(present |= field::LOGIN_UID; record.login_uid, task.login_uid());
    record.parents_len = 0;
    let mut child = task.address();
    for place in 0..PARENTS as u64 {
        child = read_parent(child, place);
        if child == 0 {
            break;
        }
    }
    scratch::clear();
    present |= field::EXE * mm.exe();
    record.exe_end = scratch::end() as u32;
    let (start, stop) = mm.arguments();
    let len = stop.saturating_sub(start);
    present |= field::ARGV * copy_arguments(mm.address(), start, len);
    record.argv_end = scratch::end() as u32;
    // Also where a page of them was not in memory.
    record.argv_cut = (scratch::end() - (record.exe_end as u64) < len) as u32;
    record.header = header(kind::COMMAND, source as u32, incident);
    record.header.present = present;
    send_extra::<Command>();
    0
}

/// Adds the parent of a task, and tells where it is; 0 if there is none.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn read_parent(child: u64, place: u64) -> u64 {
    let (record, parent) = (scratch::record::<Command>(), Task::new(child).parent());
    let Some(slot) = record.parents.get_mut(place as usize) else { return 0 };
    slot.pid = parent.pid().value;
    if slot.pid == 0 {
        return 0;
    }
    parent.comm(&mut slot.comm);
    record.parents_len += 1;
    parent.address()
}

/// Copies as many of the arguments as are in memory; 1 if there are any.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn copy_arguments(mm: u64, start: u64, len: u64) -> u64 {
    let stop = start + len.min(ARGV_LEN as u64);
    let (mut from, mut any) = (start, 0);
    let current = Task::current().mm();
    for _ in 0..BLOCKS {
        if from >= stop || !scratch::has_room() {
            break;
        }
        let len = black_box((BLOCK - from % BLOCK).min(stop - from)) & (ROOM as u64 - 1);
        if Mm::new(mm).copy(current, from, len as u32, scratch::room::<ROOM>()) == 0 {
            break;
        }
        any = 1;
        scratch::advance(len);
        from += len;
    }
    any
}
