//! `void mem_cgroup_print_oom_group(struct mem_cgroup *memcg)`
//! (mm/memcontrol.c, the same from 5.10 to 7.3): all of this cgroup's processes are killed next.

use crate::current::Current;
use crate::kernel::Memcg;
use crate::records::group::send_group;

/// Entry, with the function's argument.
pub(crate) fn enter(source: u32, memcg: u64) -> Option<()> {
    let current = Current::get()?;
    if !current.is_here() {
        return None;
    }
    send_group(source, current.incident(), Memcg::new(memcg))
}
