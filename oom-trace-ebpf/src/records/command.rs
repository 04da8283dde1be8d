//! What a victim was.

use oom_trace_common::record::{
    ARGV_LEN, Command, PARENTS, PATHS_LEN, command_field as field, kind,
};

use super::{Draft, header, put, send_extra};
use crate::kernel::{Mm, Task};
use crate::maps::{COMMAND, only};

/// The arguments are copied in blocks of this size, none of which lies on two pages.
const BLOCK: u64 = 256;

/// Sends it.
#[inline(never)]
pub(crate) fn send_command(source: u32, incident: u64, task: Task) -> u64 {
    let Some(draft) = only(&COMMAND) else { return 0 };
    let Draft { record, paths, end, whole } = &mut *draft;
    let mm = task.mm();
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
    end.set(0);
    present |= field::EXE * mm.exe(paths, end, whole);
    record.exe_end = end.get() as u32;
    let (start, stop) = mm.arguments();
    let len = stop.saturating_sub(start);
    copy_arguments(mm, start, len.min(ARGV_LEN as u64), draft);
    let Draft { record, end, whole, .. } = &mut *draft;
    present |= field::ARGV * whole.get();
    record.argv_end = end.get() as u32;
    // Also where a page of them was not in memory.
    record.argv_cut = (end.get() - (record.exe_end as u64) < len) as u32;
    record.header = header(kind::COMMAND, source, incident);
    record.header.present = present;
    send_extra(draft);
    present
}

/// Copies as many of `len` bytes as are in memory; `whole` becomes 1 if there are any.
#[inline(never)]
fn copy_arguments(mm: Mm, start: u64, len: u64, draft: &mut Draft<Command>) {
    let Draft { paths, end, whole, .. } = draft;
    whole.set(0);
    let stop = start + len;
    let mut from = start;
    // The first block and the last may be shorter.
    for _ in 0..=ARGV_LEN as u64 / BLOCK {
        let at = end.get();
        if from >= stop || at >= PATHS_LEN as u64 {
            return;
        }
        let room = paths.get_mut(at as usize & (PATHS_LEN - 1)..);
        let Some(room) = room.and_then(<[u8]>::first_chunk_mut::<{ BLOCK as usize }>) else {
            return;
        };
        // To the end of the block; what lies behind the arguments is left out below.
        let block = BLOCK - from % BLOCK;
        if mm.copy(from, block as u32, room) == 0 {
            return;
        }
        whole.set(1);
        end.set(at + block.min(stop - from));
        from += block;
    }
}
