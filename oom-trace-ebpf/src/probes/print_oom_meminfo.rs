//! `void mem_cgroup_print_oom_meminfo(struct mem_cgroup *memcg)`
//! (mm/memcontrol.c, the same from 5.10 to 7.3): what the limit cgroup uses is printed next.
//!
//! The stack has been printed since the decision, so it may use less or more by now.

use crate::current::Current;
use crate::kernel::Memcg;
use crate::records::usage::send_printed;

/// Entry, with the function's argument.
pub(crate) fn enter(source: u32, memcg: u64) -> Option<()> {
    let current = Current::get()?;
    if !current.is_here() {
        return None;
    }
    send_printed(source, current.incident(), Memcg::new(memcg))
}
