//! The address of a kernel symbol, asked of the kernel itself.
//!
//! `/proc/kallsyms` is read line by line, some hundred thousand of them; the helper
//! `bpf_kallsyms_lookup_name` (kernel/bpf/syscall.c, 5.16 on) answers at once. It is for programs
//! of type `BPF_PROG_TYPE_SYSCALL`, so this one is written and run here.

use std::io;
use std::mem::offset_of;

use zerocopy::{Immutable, IntoBytes};

use super::calls::{load_callable, number};
use super::sys::bpf;

// include/uapi/linux/bpf.h
const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_PROG_TYPE_SYSCALL: u32 = 31;
const BPF_F_SLEEPABLE: u32 = 1 << 4;
const BPF_FUNC_KALLSYMS_LOOKUP_NAME: i32 = 179;

/// `struct bpf_insn`
#[repr(C)]
#[derive(Clone, Copy, IntoBytes, Immutable)]
struct Insn {
    code: u8,
    /// Destination in the low half, source in the high one.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// The members of `union bpf_attr` for `BPF_PROG_TEST_RUN` that are used.
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
}

/// What the program leaves for its caller.
#[repr(C)]
#[derive(Default)]
struct Answer {
    address: u64,
    status: i64,
}

/// Bytes of the program's stack for the name, and where they are.
const NAME_LEN: usize = 32;
const NAME_AT: i16 = -32;
/// Where the helper puts the address.
const RESULT_AT: i16 = NAME_AT - 8;

/// The address of a symbol.
///
/// # Errors
/// The name is too long; or the kernel has no such helper (before 5.16, `EINVAL`), no such symbol
/// (`ENOENT`), or does not show addresses to this process (`EPERM`).
pub(super) fn address(name: &str) -> io::Result<u64> {
    let program = program(name).ok_or(io::ErrorKind::InvalidInput)?;
    let fd = load_callable(BPF_PROG_TYPE_SYSCALL, BPF_F_SLEEPABLE, program.as_bytes())?;
    let mut answer = Answer::default();
    let run = TestRun {
        prog_fd: number(&fd)?,
        retval: 0,
        data_size_in: 0,
        data_size_out: 0,
        data_in: 0,
        data_out: 0,
        repeat: 0,
        duration: 0,
        ctx_size_in: u32::try_from(size_of::<Answer>()).map_err(io::Error::other)?,
        ctx_size_out: 0,
        ctx_in: (&raw mut answer).expose_provenance() as u64,
        ctx_out: 0,
    };
    bpf(BPF_PROG_TEST_RUN, &run)?;
    // The kernel wrote to it behind the compiler's back.
    let answer = std::hint::black_box(answer);
    match i32::try_from(answer.status) {
        Ok(0) => Ok(answer.address),
        Ok(error) => Err(io::Error::from_raw_os_error(-error)),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Calls the helper with the name on the stack and stores its answer in the context.
fn program(name: &str) -> Option<Vec<Insn>> {
    let mut text = [0; NAME_LEN];
    // One byte stays NUL.
    text.get_mut(..name.len()).filter(|_| name.len() < NAME_LEN)?.copy_from_slice(name.as_bytes());
    let insn = |code, registers, offset, immediate| Insn { code, registers, offset, immediate };
    // r6 = r1: the context.
    let mut program = vec![insn(0xbf, 0x16, 0, 0)];
    for (word, offset) in text.as_chunks::<4>().0.iter().zip((NAME_AT..).step_by(4)) {
        // *(u32 *)(r10 + offset) = word
        program.push(insn(0x62, 0x0a, offset, i32::from_ne_bytes(*word)));
    }
    let len = i32::try_from(name.len() + 1).ok()?;
    program.extend([
        // *(u64 *)(r10 + RESULT_AT) = 0
        insn(0x7a, 0x0a, RESULT_AT, 0),
        // r1 = r10 + NAME_AT; r2 = len; r3 = 0: no flags; r4 = r10 + RESULT_AT
        insn(0xbf, 0xa1, 0, 0),
        insn(0x07, 0x01, 0, NAME_AT.into()),
        insn(0xb7, 0x02, 0, len),
        insn(0xb7, 0x03, 0, 0),
        insn(0xbf, 0xa4, 0, 0),
        insn(0x07, 0x04, 0, RESULT_AT.into()),
        insn(0x85, 0x00, 0, BPF_FUNC_KALLSYMS_LOOKUP_NAME),
        // context.status = r0
        insn(0x7b, 0x06, i16::try_from(offset_of!(Answer, status)).ok()?, 0),
        // r1 = *(u64 *)(r10 + RESULT_AT); context.address = r1
        insn(0x79, 0xa1, RESULT_AT, 0),
        insn(0x7b, 0x16, i16::try_from(offset_of!(Answer, address)).ok()?, 0),
        // return 0
        insn(0xb7, 0x00, 0, 0),
        insn(0x95, 0x00, 0, 0),
    ]);
    Some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leaves_no_room_for_its_nul_is_refused() {
        assert!(program(&"x".repeat(NAME_LEN - 1)).is_some());
        assert!(program(&"x".repeat(NAME_LEN)).is_none());
    }
}
