//! The kernel's stack, innermost first.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_get_stack, bpf_snprintf};
use oom_trace_common::record::{SYMBOL_LEN, source::KPROBE};

use crate::kernel::{has_snprintf, kill_code};
use crate::scratch::{self, Word};

/// Writes the return addresses to `frames`; how many there are. The others stay as they were.
#[inline(always)]
pub(crate) fn read<const N: usize>(
    frames: &mut [u64; N],
    source: u32,
    context: &impl EbpfContext,
) -> u32 {
    let size = size_of_val(frames) as u32;
    // SAFETY: the helper writes `size` bytes at the most, which `frames` has.
    let bytes = unsafe { bpf_get_stack(context.as_ptr(), frames.as_mut_ptr().cast(), size, 0) };
    if source == KPROBE {
        name_caller(frames, context);
    }
    if bytes > 0 { bytes as u32 / 8 } else { 0 }
}

/// At its entry a function has not yet put the return address on the stack.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
fn name_caller<const N: usize>(frames: &mut [u64; N], context: &impl EbpfContext) {
    const LINK_REGISTER: usize = 30;
    let registers: *const u64 = context.as_ptr().cast();
    // The probe's own function, which comes first, is of no use.
    // SAFETY: a kprobe's context is a `struct pt_regs`, which starts with the general registers.
    let caller = unsafe { registers.add(LINK_REGISTER).read_volatile() };
    if let Some(first) = frames.first_mut() {
        *first = caller;
    }
}

/// The call has put the return address on the stack.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
fn name_caller<const N: usize>(_: &mut [u64; N], _: &impl EbpfContext) {}

/// How the kernel's own dumps print a return address: `function+0xoff/0xsize [module]`.
static SYMBOL_FORMAT: [u8; 4] = *b"%pB\0";

/// Writes the symbol of a return address to the texts, and does not keep it yet; its length. 0 where the
/// kernel has no helper for it: a global function is checked whether it is called or not.
#[inline(always)]
pub(crate) fn write_symbol(frame: &u64) -> u64 {
    if !has_snprintf() {
        return 0;
    }
    let room = scratch::room::<SYMBOL_LEN>();
    // SAFETY: the helper writes `SYMBOL_LEN` bytes to `room` at the most, its format is a constant
    // of a frozen map, and `frame` has the 8 bytes it is told of.
    let len = unsafe {
        bpf_snprintf(
            room.as_mut_ptr().cast(),
            SYMBOL_LEN as u32,
            SYMBOL_FORMAT.as_ptr().cast(),
            core::ptr::from_ref(frame).cast_mut().cast(),
            size_of_val(frame) as u32,
        )
    };
    // What it would have written, had there been room.
    (len.max(0) as u64).min(SYMBOL_LEN as u64)
}

/// Frames from a mark up to what led to it: the hooks' own are among them.
const NEAR: usize = 12;

/// The return addresses of a mark, in the place of a record.
type Near = [u64; NEAR];

/// How many there are.
static NEAR_LEN: Word = Word::zero();

/// Whether a mark is part of a kill, by its stack; `None` if the kernel does not tell.
#[inline(always)]
pub(crate) fn is_in_kill(source: u32, context: &impl EbpfContext) -> Option<bool> {
    let tells = has_snprintf() || !kill_code().is_empty();
    if !tells {
        return None;
    }
    NEAR_LEN.set(read::<NEAR>(scratch::record(), source, context) as u64);
    if NEAR_LEN.get() == 0 {
        return None;
    }
    let found = if has_snprintf() { finds_kill_by_name() } else { finds_kill_by_address() };
    Some(found != 0)
}

/// Whether `__oom_kill_process` is among the frames.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn finds_kill_by_name() -> u64 {
    scratch::clear();
    for place in 0..NEAR as u64 {
        if is_kill(place) != 0 {
            return 1;
        }
    }
    0
}

/// Whether one of them is in it; no other symbol of the kernel starts so.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn is_kill(place: u64) -> u64 {
    const NAME: [u64; 2] = [u64::from_ne_bytes(*b"__oom_ki"), u64::from_ne_bytes(*b"ll_proce")];
    let Some(frame) = scratch::record::<Near>().get(place as usize) else { return 0 };
    if place >= NEAR_LEN.get() || write_symbol(frame) == 0 {
        return 0;
    }
    let (words, _) = scratch::room::<16>().as_chunks::<8>();
    let differ = words.iter().zip(NAME).map(|(word, name)| u64::from_ne_bytes(*word) ^ name);
    (differ.fold(0, |all, bits| all | bits) == 0) as u64
}

/// The same where the kernel names no addresses.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn finds_kill_by_address() -> u64 {
    let code = kill_code();
    let mut found = false;
    for (place, frame) in scratch::record::<Near>().iter().enumerate() {
        found |= (place as u64) < NEAR_LEN.get() && code.contains(frame);
    }
    found as u64
}
