//! The cgroup that is killed as a whole.

use oom_trace_common::record::{Group, NAME_PRESENT, kind};

use super::{header, send};
use crate::kernel::Memcg;
use crate::ring::Wake;
use crate::scratch;

/// Sends its path.
pub(crate) fn send_group(source: u32, incident: u64, memcg: Memcg) {
    let record = scratch::record::<Group>();
    scratch::clear();
    let present = NAME_PRESENT * memcg.cgroup().path();
    record.path_len = scratch::end();
    record.header = header(kind::GROUP, source, incident);
    record.header.present = present;
    send::<Group>(Wake::Later);
}
