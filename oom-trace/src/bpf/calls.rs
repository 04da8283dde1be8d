//! The commands of bpf(2) that loading takes, and how a program comes to where it runs.
//!
//! Layouts and numbers are those of include/uapi/linux/bpf.h and perf_event.h. Of a structure of the
//! kernel's that grows, the members up to the last one used are passed.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use zerocopy::{Immutable, IntoBytes};

use super::image::{Kind, MapImage};
use super::sys::{bpf, enable, own, perf_event_open};
use crate::cause::is_file_limit;

const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_int = 17;
const BPF_BTF_LOAD: libc::c_int = 18;
const BPF_MAP_FREEZE: libc::c_int = 22;

const BPF_MAP_TYPE_RINGBUF: u32 = 27;

/// Bytes of a name, with the NUL at its end.
pub(super) const BPF_OBJ_NAME_LEN: usize = 16;

/// `BPF_LOG_LEVEL1`
const LOG_LEVEL: u32 = 1;

/// `struct bpf_func_info`
const FUNC_INFO_LEN: u32 = 8;

/// Of the log's buffer: the first size, and the most that the kernel takes (`UINT_MAX >> 8`).
const LOG_LEN: usize = 64 << 10;
const MAX_LOG_LEN: usize = (1 << 24) - 1;

/// The name of an object as the kernel keeps it: what is too long is cut.
fn object_name(name: &str) -> [u8; BPF_OBJ_NAME_LEN] {
    let mut field = [0; BPF_OBJ_NAME_LEN];
    let (_nul, room) = field.split_last_mut().unzip();
    for (to, from) in room.into_iter().flatten().zip(name.bytes()) {
        *to = from;
    }
    field
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr().expose_provenance() as u64
}

pub(super) fn len(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(io::Error::other)
}

pub(super) fn number(fd: impl AsFd) -> io::Result<u32> {
    u32::try_from(fd.as_fd().as_raw_fd()).map_err(io::Error::other)
}

/// `BPF_MAP_CREATE`
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; BPF_OBJ_NAME_LEN],
}

/// Makes a map, as yet empty. A ring's size is raised to what the page's size allows.
pub(super) fn create_map(image: &MapImage) -> io::Result<OwnedFd> {
    let mut max_entries = image.entries;
    if image.kind == BPF_MAP_TYPE_RINGBUF {
        let page = u32::try_from(rustix::param::page_size()).map_err(io::Error::other)?;
        max_entries = max_entries.max(page).next_power_of_two();
    }
    let create = MapCreate {
        map_type: image.kind,
        key_size: image.key_size,
        value_size: image.value_size,
        max_entries,
        map_flags: image.flags,
        inner_map_fd: 0,
        numa_node: 0,
        map_name: object_name(image.name),
    };
    own(bpf(BPF_MAP_CREATE, &create)?)
}

/// `BPF_MAP_UPDATE_ELEM`
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct MapUpdate {
    map_fd: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Sets an element of an array.
pub(super) fn set_element(map: impl AsFd, place: u32, value: &[u8]) -> io::Result<()> {
    let key = place.to_ne_bytes();
    let (map_fd, key, value) = (number(map)?, address(&key), address(value));
    bpf(BPF_MAP_UPDATE_ELEM, &MapUpdate { map_fd, _pad: 0, key, value, flags: 0 })?;
    Ok(())
}

/// From now on nobody changes it by a call.
pub(super) fn freeze(map: impl AsFd) -> io::Result<()> {
    bpf(BPF_MAP_FREEZE, &number(map)?)?;
    Ok(())
}

/// `BPF_BTF_LOAD`
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct BtfLoad {
    btf: u64,
    btf_log_buf: u64,
    btf_size: u32,
    btf_log_size: u32,
}

/// Hands over the programs' own type information.
pub(super) fn load_types(types: &[u8]) -> io::Result<OwnedFd> {
    let load =
        BtfLoad { btf: address(types), btf_log_buf: 0, btf_size: len(types)?, btf_log_size: 0 };
    own(bpf(BPF_BTF_LOAD, &load)?)
}

/// `BPF_PROG_LOAD`
#[repr(C)]
#[derive(Default, IntoBytes, Immutable)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; BPF_OBJ_NAME_LEN],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
}

/// Loads a program that is run by a call: `code` is `struct bpf_insn[]`, and its license is the GPL.
pub(super) fn load_callable(prog_type: u32, prog_flags: u32, code: &[u8]) -> io::Result<OwnedFd> {
    let load = ProgLoad {
        prog_type,
        insn_cnt: len(code)? / 8,
        insns: address(code),
        license: address(c"GPL".to_bytes_with_nul()),
        prog_flags,
        ..ProgLoad::default()
    };
    own(bpf(BPF_PROG_LOAD, &load)?)
}

/// A program as it is loaded.
pub(super) struct Loadable<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// `struct bpf_insn[]`, with the descriptors of its maps.
    pub(super) code: &'a [u8],
    /// `struct bpf_func_info[]`
    pub(super) functions: &'a [u8],
    pub(super) license: &'a CStr,
    /// The number in the kernel's BTF of the function that a trampoline is for, else 0.
    pub(super) target: u32,
}

/// What the kernel said of a program that it did not take.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", objection.as_ref().map(|said| format!("; the verifier says: {said}")).unwrap_or_default())]
pub(super) struct Rejected {
    #[source]
    error: io::Error,
    /// The verifier's.
    objection: Option<String>,
}

/// Has the kernel verify and compile a program.
pub(super) fn load_program(program: &Loadable<'_>, types: impl AsFd) -> Result<OwnedFd, Rejected> {
    let quiet = |error| Rejected { error, objection: None };
    let types = number(types).map_err(quiet)?;
    let load = |log: &mut [u8]| {
        let (prog_type, expected_attach_type) = program.kind.numbers();
        let license = program.license.to_bytes_with_nul();
        let has_log = !log.is_empty();
        let load = ProgLoad {
            prog_type,
            insn_cnt: len(program.code)? / 8,
            insns: address(program.code),
            license: address(license),
            log_level: if has_log { LOG_LEVEL } else { 0 },
            log_size: len(log)?,
            log_buf: if has_log { log.as_mut_ptr().expose_provenance() as u64 } else { 0 },
            prog_name: object_name(program.name),
            expected_attach_type,
            prog_btf_fd: types,
            func_info_rec_size: FUNC_INFO_LEN,
            func_info: address(program.functions),
            func_info_cnt: len(program.functions)? / FUNC_INFO_LEN,
            attach_btf_id: program.target,
            ..ProgLoad::default()
        };
        own(bpf(BPF_PROG_LOAD, &load)?)
    };
    let error = match load(&mut []) {
        Ok(fd) => return Ok(fd),
        Err(error) => error,
    };
    // Again, for the reason: a log costs more than all the rest.
    let mut log = vec![0; LOG_LEN];
    let mut again = load(&mut log);
    while again.as_ref().is_err_and(|it| it.raw_os_error() == Some(libc::ENOSPC))
        && log.len() < MAX_LOG_LEN
    {
        log.resize((log.len() * 8).min(MAX_LOG_LEN), 0);
        again = load(&mut log);
    }
    // What was short for a moment is not any more.
    again.map_err(|_| {
        let is_verdict = !is_file_limit(&error);
        Rejected { error, objection: objection(&log).filter(|_| is_verdict) }
    })
}

/// How the verifier's closing lines start (`print_verification_stats`, kernel/bpf/verifier.c).
const STATISTICS: [&str; 5] =
    ["verification time", "stack depth", "processed", "insns processed", "subprog "];

/// What the verifier objects to: its statistics come last, that before them.
fn objection(log: &[u8]) -> Option<String> {
    let text = log.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().rev().map(str::trim);
    let said = lines.find(|line| !STATISTICS.iter().any(|it| line.starts_with(it)))?;
    (!said.is_empty()).then(|| said.to_owned())
}

impl Kind {
    /// `enum bpf_prog_type` and `enum bpf_attach_type`
    fn numbers(self) -> (u32, u32) {
        const BPF_PROG_TYPE_KPROBE: u32 = 2;
        const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;
        const BPF_PROG_TYPE_TRACING: u32 = 26;
        const BPF_TRACE_FENTRY: u32 = 24;
        const BPF_TRACE_FEXIT: u32 = 25;
        match self {
            Self::Kprobe | Self::Kretprobe => (BPF_PROG_TYPE_KPROBE, 0),
            Self::Fentry => (BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY),
            Self::Fexit => (BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT),
            Self::RawTracepoint => (BPF_PROG_TYPE_RAW_TRACEPOINT, 0),
        }
    }
}

/// `BPF_RAW_TRACEPOINT_OPEN`
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct RawTracepointOpen {
    name: u64,
    prog_fd: u32,
    _pad: u32,
}

/// `struct perf_event_attr`, `PERF_ATTR_SIZE_VER1`
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct PerfEventAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    kprobe_func: u64,
    probe_offset: u64,
}

/// Has a program run where it belongs for as long as what is returned stays open. `target` is the
/// kernel's function, or the name of a raw tracepoint.
pub(super) fn attach(program: impl AsFd, kind: Kind, target: &str) -> io::Result<OwnedFd> {
    /// `PERF_PROBE_CONFIG_IS_RETPROBE` (kernel/events/core.c)
    const IS_RETPROBE: u64 = 1;
    let target = CString::new(target)?;
    let name = address(target.as_bytes_with_nul());
    let by_probe = |config| {
        let size = u32::try_from(size_of::<PerfEventAttr>()).map_err(io::Error::other)?;
        let event = PerfEventAttr {
            kind: kprobe_events()?,
            size,
            config,
            sample_period: 0,
            sample_type: 0,
            read_format: 0,
            flags: 0,
            wakeup_events: 0,
            bp_type: 0,
            kprobe_func: name,
            probe_offset: 0,
        };
        let event = perf_event_open(&event)?;
        enable(&event, &program)?;
        Ok(event)
    };
    match kind {
        Kind::Kprobe => by_probe(0),
        Kind::Kretprobe => by_probe(IS_RETPROBE),
        Kind::Fentry | Kind::Fexit | Kind::RawTracepoint => {
            let name = if kind == Kind::RawTracepoint { name } else { 0 };
            let open = RawTracepointOpen { name, prog_fd: number(&program)?, _pad: 0 };
            own(bpf(BPF_RAW_TRACEPOINT_OPEN, &open)?)
        }
    }
}

/// The number of the events that are kprobes.
fn kprobe_events() -> io::Result<u32> {
    let number = std::fs::read_to_string("/sys/bus/event_source/devices/kprobe/type")?;
    number.trim().parse().map_err(io::Error::other)
}
