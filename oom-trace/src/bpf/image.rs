//! What is given to the kernel: maps, programs, and their type information, as `build.rs` leaves them.

use std::ffi::CStr;

/// All of it.
pub(super) struct Image {
    /// What lets the programs call the kernel's helpers.
    pub(super) license: &'static CStr,
    /// The BTF that the programs' functions are described by.
    pub(super) types: &'static [u8],
    /// Instructions name a map by its place in here.
    pub(super) maps: &'static [MapImage],
    pub(super) globals: &'static [Global],
    /// In the order of their names.
    pub(super) programs: &'static [ProgramImage],
}

/// A map before it is made.
pub(super) struct MapImage {
    pub(super) name: &'static str,
    /// `enum bpf_map_type`
    pub(super) kind: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) entries: u32,
    pub(super) flags: u32,
    /// What its one element begins as; nothing means zeros.
    pub(super) data: &'static [u8],
    /// Whether nobody may change it: the verifier takes what it holds for constants.
    pub(super) is_constant: bool,
}

/// A read-only variable of the programs.
pub(super) struct Global {
    pub(super) name: &'static str,
    /// The map it is in.
    pub(super) map: usize,
    /// Where in its data, in bytes.
    pub(super) offset: usize,
}

/// A program before it is loaded.
pub(super) struct ProgramImage {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// `struct bpf_insn[]`, with the places of maps where their descriptors belong.
    pub(super) code: &'static [u8],
    /// `struct bpf_func_info[]`
    pub(super) functions: &'static [u8],
}

/// What a program is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The entry of a function, by a breakpoint or ftrace.
    Kprobe,
    /// Its return.
    Kretprobe,
    /// Its entry, by a trampoline.
    Fentry,
    /// Its return.
    Fexit,
    /// A tracepoint.
    RawTracepoint,
}

pub(super) static IMAGE: Image = include!(concat!(env!("OUT_DIR"), "/image.rs"));

impl Image {
    pub(super) fn program(&self, name: &str) -> Option<&'static ProgramImage> {
        self.programs.iter().find(|program| program.name == name)
    }
}
