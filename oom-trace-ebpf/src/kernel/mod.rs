//! Views of the kernel's objects over the layout: the only place that reads kernel memory.
//!
//! A view is an address. A member that this kernel lacks, or that cannot be read, is `None`.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_kernel_str};
use oom_trace_common::layout::ABSENT;
use oom_trace_common::record::NODEMASK_LEN;

pub(crate) use self::cgroup::Cgroup;
pub(crate) use self::mm::Mm;
pub(crate) use self::oom_control::OomControl;
pub(crate) use self::task::Task;
use crate::maps::{LAYOUT, MACHINE};

/// A row of the layout. User space rewrites the global before load: the compiler must not know it.
macro_rules! layout {
    ($name:ident) => {{
        let row: *const u32 = &raw const LAYOUT.$name;
        // SAFETY: a field of a global that lives as long as the program.
        unsafe { row.read_volatile() }
    }};
}

/// Likewise for what is known of the machine.
macro_rules! machine {
    ($name:ident) => {{
        let field = &raw const MACHINE.$name;
        // SAFETY: a field of a global that lives as long as the program.
        unsafe { field.read_volatile() }
    }};
}

/// Whether `oom/mark_victim` passes the task and not its id.
pub(crate) fn mark_victim_has_task() -> bool {
    machine!(mark_victim_has_task) != 0
}

// Behind the macros they use.
mod cgroup;
mod mm;
mod oom_control;
mod task;

/// The address of a member, if the kernel has it.
#[inline(always)]
fn member(base: u64, offset: u32) -> Option<u64> {
    (base != 0 && offset != ABSENT).then_some(base.wrapping_add(offset as u64))
}

/// Plain data that any bytes are a value of.
trait Plain: Copy + Default {}
impl Plain for u8 {}
impl Plain for i16 {}
impl Plain for u32 {}
impl Plain for i32 {}
impl Plain for u64 {}
impl Plain for i64 {}

#[inline(always)]
fn load<T: Plain>(address: u64) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the helper writes `size_of::<T>()` bytes to `value`, and a bad address is an error.
    let status = unsafe {
        bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, address as *const _)
    };
    (status == 0).then_some(value)
}

#[inline(always)]
fn read<T: Plain>(base: u64, offset: u32) -> Option<T> {
    load(member(base, offset)?)
}

/// A pointer that is not NULL.
#[inline(always)]
fn pointer(base: u64, offset: u32) -> Option<u64> {
    read::<u64>(base, offset).filter(|&address| address != 0)
}

/// Fills `target` from `address`; false, and all zero, where that cannot be read.
#[inline(always)]
fn load_bytes<const N: usize>(address: u64, target: &mut [u8; N], len: u32) -> bool {
    let len = if len > N as u32 { N as u32 } else { len };
    // SAFETY: the helper writes `len` ≤ N bytes to `target`, and a bad address is an error.
    unsafe { bpf_probe_read_kernel(target.as_mut_ptr().cast(), len, address as *const _) == 0 }
}

/// Copies a string with its NUL and returns the bytes written.
#[inline(always)]
pub(crate) fn load_str<const N: usize>(address: u64, target: &mut [u8; N]) -> Option<u32> {
    // SAFETY: the helper writes N bytes at the most to `target`, and a bad address is an error.
    let len = unsafe {
        bpf_probe_read_kernel_str(target.as_mut_ptr().cast(), N as u32, address as *const _)
    };
    (len >= 0).then_some(len as u32)
}

/// Copies as much of a `nodemask_t` as this kernel has.
#[inline(always)]
fn load_nodemask(address: u64, target: &mut [u8; NODEMASK_LEN]) -> Option<u32> {
    let len = layout!(nodemask_size);
    (len <= NODEMASK_LEN as u32 && load_bytes(address, target, len)).then_some(len)
}
