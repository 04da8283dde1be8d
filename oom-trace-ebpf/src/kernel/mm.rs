//! Address spaces.

use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::{MAX_CPUS, rss};

use super::{load, read};
use crate::maps::{LAYOUT, MACHINE};

/// `struct mm_struct`
#[derive(Clone, Copy)]
pub(crate) struct Mm(u64);

/// The layout's numbers of the kinds of counters, in the order of the record.
#[inline(always)]
fn rss_member(place: usize) -> u32 {
    match place {
        rss::FILE => layout!(mm_filepages),
        rss::ANON => layout!(mm_anonpages),
        rss::SWAP => layout!(mm_swapents),
        _ => layout!(mm_shmempages),
    }
}

impl Mm {
    pub(super) fn new(address: u64) -> Self {
        Self(address)
    }

    pub(crate) fn total_vm(self) -> Option<u64> {
        read(self.0, layout!(mm_total_vm))
    }

    pub(crate) fn pgtables_bytes(self) -> Option<u64> {
        read(self.0, layout!(mm_pgtables_bytes))
    }

    /// A counter of the address space in pages: as it stands, and with its per-CPU parts.
    ///
    /// `place` is one of `record::rss`.
    #[inline(always)]
    pub(crate) fn rss(self, place: usize) -> (Option<i64>, Option<i64>) {
        let (index, counters) = (rss_member(place), layout!(mm_rss_counters));
        let stride = if counters == ABSENT { 8 } else { layout!(percpu_counter_size) };
        if index == ABSENT || stride == ABSENT {
            return (None, None);
        }
        let at = self.0 + index as u64 * stride as u64;
        let count = read::<i64>(at, layout!(mm_rss_count));
        if counters == ABSENT {
            return (count, count);
        }
        let sum = match (count, read::<u64>(at, counters)) {
            (Some(count), Some(cookie)) => per_cpu_sum(cookie).map(|parts| count + parts),
            _ => None,
        };
        (count, sum)
    }
}

/// The sum over all CPUs of a per-CPU `s32`.
///
/// `cookie` is what the kernel keeps as the pointer, an offset that may wrap: the address on a CPU
/// is `cookie + __per_cpu_offset[cpu]` (`per_cpu_ptr`, include/linux/percpu-defs.h).
#[inline(never)]
fn per_cpu_sum(cookie: u64) -> Option<i64> {
    let (bases, cpus) = (machine!(per_cpu_offset), machine!(possible_cpus));
    if bases == 0 || cpus > MAX_CPUS {
        return None;
    }
    let mut sum = 0;
    for cpu in 0..MAX_CPUS {
        if cpu >= cpus {
            break;
        }
        let base = load::<u64>(bases + cpu as u64 * 8)?;
        sum += load::<i32>(cookie.wrapping_add(base))? as i64;
    }
    Some(sum)
}
