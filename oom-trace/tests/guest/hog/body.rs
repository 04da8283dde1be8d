//! The hog itself.

use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::thread;

use memmap2::MmapOptions;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use rustix::fs::{Mode, OFlags, open};
use rustix::pipe::{fcntl_setpipe_size, pipe};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{SecureComputingMode, set_name, set_secure_computing_mode};

use super::{Growth, Spec};

const CHUNK: usize = 64 << 10;

/// Each has two descriptors, and a process has 1024.
const PIPES: usize = 500;

/// As many page tables as it may come to have.
const TABLES: usize = 16 << 10;

/// What a pipe may hold at the most (`fs.pipe-max-size`).
const PIPE: usize = 1 << 20;

pub(super) fn run(args: &[String]) {
    let spec: Spec = serde_json::from_str(&args[0]).unwrap();
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    fs::write("/proc/self/oom_score_adj", spec.oom_score_adj.to_string()).unwrap();
    set_name(&CString::new(spec.name.clone()).unwrap()).unwrap();
    await_word();

    let _held = black_box(vec![1_u8; spec.holds]);
    for _ in 0..spec.threads {
        thread::spawn(thread::park);
    }
    for _ in 0..spec.unborn {
        let fifo = spec.fifo.clone();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || conceive(&fifo)).unwrap();
    }
    if spec.leader_exits {
        let all = spec.clone();
        let rest = move || ready_and_grow(&all);
        thread::Builder::new().name("second".to_owned()).spawn(rest).unwrap();
        // The next system call that is not read, write or exit kills this thread, and it alone.
        set_secure_computing_mode(SecureComputingMode::Strict).unwrap();
        thread::park();
    }
    ready_and_grow(&spec);
}

/// The C library clones a process that shares our memory; that opens the FIFO, and there it stays.
pub(crate) fn conceive(fifo: &Path) {
    let mut actions = PosixSpawnFileActions::init().unwrap();
    actions.add_open(0, fifo, OFlag::O_RDONLY, nix::sys::stat::Mode::empty()).unwrap();
    let attributes = PosixSpawnAttr::init().unwrap();
    let none: [&std::ffi::CStr; 0] = [];
    posix_spawn("/proc/self/exe", &actions, &attributes, &none, &none).unwrap();
}

fn ready_and_grow(spec: &Spec) {
    let mut own = growth(&spec.growth);
    let others: Vec<_> = (0..spec.growing).map(|_| growth(&spec.growth)).collect();
    io::stdout().write_all(b"ready\n").unwrap();
    await_word();
    thread::scope(|threads| {
        for mut grow in others {
            threads.spawn(move || while grow() {});
        }
        while own() {}
    });
}

fn growth(growth: &Growth) -> Box<dyn FnMut() -> bool + Send> {
    match growth {
        Growth::Heap => heap(),
        Growth::File(folder) => file(folder),
        Growth::Tables => tables(),
        Growth::Pipes => pipes(),
    }
}

fn heap() -> Box<dyn FnMut() -> bool + Send> {
    let mut touched = Vec::new();
    Box::new(move || {
        touched.push(black_box(vec![1_u8; CHUNK]));
        true
    })
}

fn file(folder: &Path) -> Box<dyn FnMut() -> bool + Send> {
    let file = open(folder, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR).unwrap();
    let (mut file, chunk) = (fs::File::from(file), vec![1_u8; CHUNK]);
    Box::new(move || file.write_all(&chunk).is_ok())
}

/// Whoever only looks is shown the page of zeros; a table is made for each stretch all the same.
fn tables() -> Box<dyn FnMut() -> bool + Send> {
    const STRETCH: usize = 2 << 20;
    let area = MmapOptions::new().len(TABLES * STRETCH).no_reserve_swap().map_anon().unwrap();
    let mut at = 0;
    Box::new(move || {
        black_box(area[at]);
        at += STRETCH;
        at < area.len()
    })
}

/// All there from the start; they only become larger. Nothing else is asked for meanwhile: a page more of
/// its own might be what there is no room for.
fn pipes() -> Box<dyn FnMut() -> bool + Send> {
    let pipes: Vec<_> = (0..PIPES).map(|_| pipe().unwrap()).collect();
    let mut next = 0;
    Box::new(move || {
        fcntl_setpipe_size(&pipes[next].1, PIPE).unwrap();
        next += 1;
        true
    })
}

/// The test is gone when none comes.
fn await_word() {
    if io::stdin().read_exact(&mut [0]).is_err() {
        std::process::exit(1);
    }
}
