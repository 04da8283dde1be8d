//! Address spaces.

use core::hint::black_box;

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::{MAX_CPUS, rss};

use super::{Got, load, ok, pointer, read, read_bytes};

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
    pub(crate) fn new(address: u64) -> Self {
        Self(address)
    }

    pub(crate) fn address(self) -> u64 {
        self.0
    }

    /// Whether nobody uses it any more: its pages are gone.
    pub(crate) fn is_gone(self) -> bool {
        let users = read::<u32>(self.0, layout!(mm_users));
        users.ok != 0 && users.value == 0
    }

    /// Where its arguments start and end.
    pub(crate) fn arguments(self) -> (u64, u64) {
        (pointer(self.0, layout!(mm_arg_start)), pointer(self.0, layout!(mm_arg_end)))
    }

    /// Its program: `struct file`.
    pub(super) fn exe_file(self) -> u64 {
        pointer(self.0, layout!(mm_exe_file))
    }

    /// Copies `len` bytes at an address of the process, which must lie on one page, to `target`; 1, or 0
    /// if they cannot be had. `current` is the memory of the task that this runs in.
    #[inline(always)]
    pub(crate) fn copy<const N: usize>(
        self,
        current: Self,
        address: u64,
        len: u32,
        target: &mut [u8; N],
    ) -> u64 {
        if self.0 == current.0 {
            // SAFETY: the helper writes `len` ≤ N bytes, and a bad address is an error.
            return ok(unsafe {
                bpf_probe_read_user(target.as_mut_ptr().cast(), len, address as *const _)
            });
        }
        read_bytes(self.translate(address), 0, len, target)
    }

    /// Bytes of a page, as a power of two.
    pub(crate) fn page_shift(self) -> u32 {
        machine!(page_shift)
    }

    pub(super) fn pgd(self) -> u64 {
        pointer(self.0, layout!(mm_pgd))
    }

    /// Where its addresses end.
    #[cfg(bpf_target_arch = "aarch64")]
    pub(super) fn task_size(self) -> u64 {
        pointer(self.0, layout!(mm_task_size))
    }

    /// `MMF_OOM_SKIP`: the killer passes over it.
    pub(crate) fn is_skipped(self) -> bool {
        const MMF_OOM_SKIP: u64 = 21;
        pointer(self.0, layout!(mm_flags)) & (1 << MMF_OOM_SKIP) != 0
    }

    pub(crate) fn total_vm(self) -> Got<u64> {
        read(self.0, layout!(mm_total_vm))
    }

    pub(crate) fn pgtables_bytes(self) -> Got<u64> {
        read(self.0, layout!(mm_pgtables_bytes))
    }

    /// A counter of the address space in pages, without its per-CPU parts.
    ///
    /// `place` is one of `record::rss`.
    #[inline(always)]
    pub(crate) fn rss_count(self, place: usize) -> Got<i64> {
        match self.counter(place) {
            Some(at) => read(at, layout!(mm_rss_count)),
            None => Got::default(),
        }
    }

    /// The same with them.
    #[inline(always)]
    pub(crate) fn rss_sum(self, place: usize) -> Got<i64> {
        self.rss(place).1
    }

    /// A counter without its per-CPU parts, and with them.
    #[inline(always)]
    pub(crate) fn rss(self, place: usize) -> (Got<i64>, Got<i64>) {
        let (count, counters) = (self.rss_count(place), layout!(mm_rss_counters));
        let at = self.counter(place).filter(|_| counters != ABSENT);
        let Some(at) = at else { return (count, count) };
        let parts = per_cpu_sum(pointer(at, counters), 0).cast_signed();
        // 1 below the bound, without a branch.
        let ok = (parts - UNREAD / 2) as u64 >> 63;
        (count, Got { value: count.value + parts, ok: count.ok & ok })
    }

    /// The counter is at a row's offset from here.
    #[inline(always)]
    fn counter(self, place: usize) -> Option<u64> {
        let (index, counters) = (rss_member(place), layout!(mm_rss_counters));
        let stride = if counters == ABSENT { 8 } else { layout!(percpu_counter_size) };
        let there = index != ABSENT && stride != ABSENT;
        there.then(|| self.0 + index as u64 * stride as u64)
    }
}

/// CPUs whose parts are summed by one call, and calls that one makes to sum those of more.
///
/// The verifier checks each step once: for it the first CPU may be any, so that no more is to be checked
/// where there are more.
const CPUS: u64 = 8;
const PARTS: u64 = 8;
const GROUPS: u64 = MAX_CPUS as u64 / CPUS / PARTS;

/// Stands for a part that could not be read: more than all others can be, on all CPUs.
const UNREAD: i64 = 1 << 48;

/// The sum over all CPUs, from 0 on, of a per-CPU `s32`; more than half of [`UNREAD`] if any cannot be
/// read.
///
/// `cookie` is what the kernel keeps as the pointer, an offset that may wrap: the address on a CPU
/// is `cookie + __per_cpu_offset[cpu]` (`per_cpu_ptr`, include/linux/percpu-defs.h).
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn per_cpu_sum(cookie: u64, first: u64) -> u64 {
    let cpus = machine!(possible_cpus);
    if machine!(per_cpu_offset) == 0 || cpus > MAX_CPUS {
        return UNREAD as u64;
    }
    let mut sum = 0;
    for group in 0..GROUPS {
        let first = first + group * CPUS * PARTS;
        if first >= cpus as u64 {
            break;
        }
        sum += per_cpu_group(cookie, first);
    }
    sum
}

/// That over a part of them.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn per_cpu_group(cookie: u64, first: u64) -> u64 {
    let mut sum = 0;
    for part in 0..PARTS {
        let first = first + part * CPUS;
        if first >= machine!(possible_cpus) as u64 {
            break;
        }
        sum += per_cpu_part(cookie, first);
    }
    sum
}

/// That over a part of those.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn per_cpu_part(cookie: u64, first: u64) -> u64 {
    let (bases, cpus) = (machine!(per_cpu_offset), machine!(possible_cpus) as u64);
    let mut sum = 0;
    for place in 0..CPUS {
        // The loop ends by its own count, which the verifier follows.
        let cpu = first + black_box(place);
        if cpu >= cpus {
            break;
        }
        let base = load::<u64>(bases + cpu * 8);
        let part = load::<i32>(cookie.wrapping_add(base.value));
        sum += part.value as i64 + UNREAD * (1 - (base.ok & part.ok)).cast_signed();
    }
    sum as u64
}
