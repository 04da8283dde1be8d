//! How a memory cgroup stands.

use oom_trace_common::record::{Printed, Usage, kind, usage_field as field};

use super::{header, put, send};
use crate::kernel::Memcg;
use crate::ring::Wake;
use crate::scratch;

/// The bits of what could be read.
#[inline(always)]
pub(crate) fn read_usage(usage: &mut Usage, memcg: Memcg) -> u64 {
    let mut present = 0;
    put!(present |= field::MEMORY; usage.memory, memcg.usage());
    put!(present |= field::MEMORY_MAX; usage.memory_max, memcg.max());
    put!(present |= field::MEMORY_FAILCNT; usage.memory_failcnt, memcg.failcnt());
    put!(present |= field::MEMORY_EVENTS; usage.memory_events, memcg.max_events());
    put!(present |= field::SWAP; usage.swap, memcg.swap_usage());
    put!(present |= field::SWAP_MAX; usage.swap_max, memcg.swap_max());
    put!(present |= field::SWAP_FAILCNT; usage.swap_failcnt, memcg.swap_failcnt());
    put!(present |= field::SWAP_EVENTS; usage.swap_events, memcg.swap_max_events());
    put!(present |= field::KMEM; usage.kmem, memcg.kmem_usage());
    put!(present |= field::KMEM_MAX; usage.kmem_max, memcg.kmem_max());
    put!(present |= field::KMEM_FAILCNT; usage.kmem_failcnt, memcg.kmem_failcnt());
    present
}

/// Sends what the kernel prints of the limit cgroup.
pub(crate) fn send_printed(source: u32, incident: u64, memcg: Memcg) {
    let Printed { header: head, usage } = scratch::record();
    let present = read_usage(usage, memcg);
    *head = header(kind::PRINTED, source, incident);
    head.present = present;
    scratch::clear();
    send::<Printed>(Wake::Later);
}
