//! The cgroup that is killed as a whole.

use oom_trace_common::record::{NAME_PRESENT, kind};

use super::{Draft, header, send};
use crate::kernel::Memcg;
use crate::maps::{GROUP, only};

/// Sends its path.
pub(crate) fn send_group(source: u32, incident: u64, memcg: Memcg) -> Option<()> {
    let draft = only(&GROUP)?;
    let Draft { record, paths, end, whole } = &mut *draft;
    end.set(0);
    let present = NAME_PRESENT * memcg.cgroup().path(paths, end, whole);
    record.path_len = end.get();
    record.header = header(kind::GROUP, source, incident);
    record.header.present = present;
    send(draft);
    Some(())
}
