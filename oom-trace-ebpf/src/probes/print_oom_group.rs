//! `void mem_cgroup_print_oom_group(struct mem_cgroup *memcg)`
//! (mm/memcontrol.c, the same from 5.10 to 7.3): all of this cgroup's processes are killed next.

use crate::current::CURRENT;
use crate::kernel::Memcg;
use crate::records::group::send_group;

/// Entry, with the function's argument.
pub(crate) fn enter(source: u32, memcg: u64) {
    if CURRENT.is_here() {
        send_group(source, CURRENT.incident(), Memcg::new(memcg));
    }
}
