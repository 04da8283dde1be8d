//! `void mem_cgroup_print_oom_meminfo(struct mem_cgroup *memcg)`
//! (mm/memcontrol.c, the same from 5.10 to 7.3): what the limit cgroup uses is printed next.
//!
//! The stack has been printed since the decision, so it may use less or more by now.

use crate::current::CURRENT;
use crate::kernel::Memcg;
use crate::records::usage::send_printed;

/// Entry, with the function's argument.
pub(crate) fn enter(source: u32, memcg: u64) {
    if CURRENT.is_here() {
        send_printed(source, CURRENT.incident(), Memcg::new(memcg));
    }
}
