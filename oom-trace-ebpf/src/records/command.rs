//! What a victim was.

use oom_trace_common::record::{ARGV_LEN, Command, PARENTS, command_field as field, kind};

use super::{header, put, send_extra};
use crate::kernel::{Mm, Task};
use crate::scratch;

/// The arguments are copied in blocks, none of which lies on two pages.
const BLOCK: u64 = 4096;

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
    let mut parent = task.parent();
    for slot in record.parents.iter_mut().take(PARENTS) {
        let pid = parent.pid().value;
        if pid == 0 {
            break;
        }
        slot.pid = pid;
        parent.comm(&mut slot.comm);
        record.parents_len += 1;
        parent = parent.parent();
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

/// Copies as many of the arguments as are in memory; 1 if there are any.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn copy_arguments(mm: u64, start: u64, len: u64) -> u64 {
    let stop = start + len.min(ARGV_LEN as u64);
    let (mut from, mut any) = (start, 0);
    for _ in 0..BLOCKS {
        if from >= stop || !scratch::has_room() {
            break;
        }
        let len = (BLOCK - from % BLOCK).min(stop - from).min(BLOCK);
        if Mm::new(mm).copy(from, len as u32, scratch::room::<{ BLOCK as usize }>()) == 0 {
            break;
        }
        any = 1;
        scratch::advance(len);
        from += len;
    }
    any
}
