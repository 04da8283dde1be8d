//! Views of the kernel's objects over the layout: the only place that reads kernel memory.
//!
//! A view is an address, and nothing here branches on what it reads: a bad address is an error of
//! the helper, which leaves zero, and a read through zero is the next error. So the verifier has
//! one path to check where it would have two for every member.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_kernel_str};
use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::NODEMASK_LEN;

pub(crate) use self::cgroup::Cgroup;
pub(crate) use self::memcg::Memcg;
pub(crate) use self::mm::Mm;
pub(crate) use self::oom_control::OomControl;
pub(crate) use self::task::Task;

/// A row of the layout. User space rewrites the global before load: the compiler must not know it.
macro_rules! layout {
    ($name:ident) => {{
        let row: *const u32 = &raw const $crate::kernel::globals::LAYOUT.$name;
        // SAFETY: a field of a global that lives as long as the program.
        unsafe { row.read_volatile() }
    }};
}

/// Likewise for what is known of the machine.
macro_rules! machine {
    ($name:ident) => {{
        let field = &raw const $crate::kernel::globals::MACHINE.$name;
        // SAFETY: a field of a global that lives as long as the program.
        unsafe { field.read_volatile() }
    }};
}

/// Whether `oom/mark_victim` passes the task and not its id.
pub(crate) fn mark_victim_has_task() -> bool {
    machine!(mark_victim_has_task) != 0
}

/// Whether probes tell of a mark, and the tracepoint of what they missed.
pub(crate) fn has_probes() -> bool {
    machine!(has_probes) != 0
}

/// Whether the kernel weighs tasks by exact sums of their counters.
pub(crate) fn weighs_exactly() -> bool {
    machine!(weighs_exactly) != 0
}

/// Whether the kernel has the helper `bpf_snprintf`.
pub(crate) fn has_snprintf() -> bool {
    machine!(has_snprintf) != 0
}

/// Where the code of `__oom_kill_process` is, on a kernel without that helper; empty if unknown.
pub(crate) fn kill_code() -> core::ops::Range<u64> {
    machine!(kill_start)..machine!(kill_end)
}

// Behind the macros they use.
mod cgroup;
mod eligible;
mod exe;
mod globals;
mod memcg;
mod mm;
mod oom_control;
mod paging;
mod task;

/// What was read: the value, or zero, and whether it is there, 1 or 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Got<T> {
    pub(crate) value: T,
    pub(crate) ok: u64,
}

impl<T> Got<T> {
    /// Another form of the value.
    pub(crate) fn map<U>(self, form: impl FnOnce(T) -> U) -> Got<U> {
        Got { value: form(self.value), ok: self.ok }
    }
}

/// 1 for a helper's success, 0 for its (negative) error, without a branch: the compiler must not
/// know that there are only two.
#[inline(always)]
fn ok(status: i64) -> u64 {
    core::hint::black_box((1 + (status >> 63)) as u64)
}

/// Plain data that any bytes are a value of.
trait Plain: Copy + Default {}
impl Plain for u8 {}
impl Plain for i16 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for i32 {}
impl Plain for u64 {}
impl Plain for i64 {}

#[inline(always)]
fn load<T: Plain>(address: u64) -> Got<T> {
    let mut value = T::default();
    // SAFETY: the helper writes `size_of::<T>()` bytes to `value`, and a bad address is an error.
    let status = unsafe {
        bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, address as *const _)
    };
    Got { value, ok: ok(status) }
}

/// An argument of the function that an fentry or fexit program is on, by its place. Read as what it
/// is in memory, it is a number to the verifier: as a pointer, which it knows it to be, a global
/// function would not take it.
#[inline(always)]
pub(crate) fn argument(context: &impl EbpfContext, place: u64) -> u64 {
    load::<u64>(context.as_ptr() as u64 + place * 8).value
}

/// The member of the object at `base`. `offset` is a row of the layout, a constant to the verifier.
#[inline(always)]
fn read<T: Plain>(base: u64, offset: u32) -> Got<T> {
    if offset == ABSENT { Got::default() } else { load(base + offset as u64) }
}

/// A member that points to something; 0 for nothing.
#[inline(always)]
fn pointer(base: u64, offset: u32) -> u64 {
    read(base, offset).value
}

/// Fills `target` from a member; 1, or 0 and all zero.
#[inline(always)]
fn read_bytes<const N: usize>(base: u64, offset: u32, len: u32, target: &mut [u8; N]) -> u64 {
    if offset == ABSENT || len > N as u32 {
        return 0;
    }
    let address = base + offset as u64;
    // SAFETY: the helper writes `len` ≤ N bytes to `target`, and a bad address is an error.
    ok(unsafe { bpf_probe_read_kernel(target.as_mut_ptr().cast(), len, address as *const _) })
}

/// Copies a string with its NUL; the bytes written, or a negative error.
#[inline(always)]
pub(crate) fn load_str<const N: usize>(address: u64, target: &mut [u8; N]) -> Got<i64> {
    // SAFETY: the helper writes N bytes at the most to `target`, and a bad address is an error.
    let len = unsafe {
        bpf_probe_read_kernel_str(target.as_mut_ptr().cast(), N as u32, address as *const _)
    };
    Got { value: len, ok: ok(len) }
}

/// Copies as much of a `nodemask_t` as this kernel has, and tells how much that is.
#[inline(always)]
fn read_nodemask(base: u64, offset: u32, target: &mut [u8; NODEMASK_LEN]) -> Got<u32> {
    let len = layout!(nodemask_size);
    Got { value: len, ok: read_bytes(base, offset, len, target) }
}
