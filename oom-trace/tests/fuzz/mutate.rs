//! Bytes that were something once.

use std::fs;
use std::mem::offset_of;
use std::path::Path;
use std::sync::LazyLock;

use fastrand::Rng;
use oom_trace_common::record::{
    Candidate, Command, End, Freed, Group, Header, Incident, Level, Printed, Sharer, Victim, kind,
};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

static LOGS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = ["logs", "cases", "cases/smallest"].map(|name| fs::read_dir(data.join(name)));
    let files =
        folders.into_iter().flat_map(|folder| folder.unwrap().map(|file| file.unwrap().path()));
    let mut paths: Vec<_> = files.filter(|path| path.is_file()).collect();
    // The same seed, the same log.
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
});

/// Pieces that mean something somewhere.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"[",
    b"]",
    b"(",
    b")",
    b",",
    b" ",
    b"-1",
    b"99999999999999999999",
    b"\\x0a",
    b"\0",
    b"\xff",
    b"oom-kill:constraint=",
    b"Killed process 7 (",
    b") total-vm:4kB",
    b"Tasks in /",
    b"Call Trace:\n",
    b"{\"__REALTIME_TIMESTAMP\":\"1\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":[",
    b"4,9,9,-;",
    b"Nov 23 06:00:01 h kernel: ",
    b"-- Reboot --\n",
    b" invoked oom-killer: gfp_mask=",
    b"> ",
    b"\x1b[32m",
    b"{\"message\":\"",
    b"\"}\n",
    b"{\n",
    b"}\n",
    b"MESSAGE=",
    b"__CURSOR=s\n",
    b"[Mon Nov 23 06:00:01 2026] ",
    b"[  +0.000020] ",
    b"1 2026-11-23T06:00:01Z h kernel - - [",
    b"Out of memory and no killable processes...\n",
    b"oom_reaper: reaped process 7 (a), now anon-rss:0kB\n",
    b"Node 0 Normal: 1*4kB = 4kB\n",
    b"[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n",
    b"System OOM encountered, victim process: a, pid: 7\n",
];

/// A real log with some changes, two of them one after the other, or no log at all.
pub(crate) fn log(rng: &mut Rng) -> Vec<u8> {
    let mut log = LOGS[rng.usize(..LOGS.len())].clone();
    match rng.u8(..8) {
        0 => log = (0..rng.usize(..4096)).map(|_| rng.u8(..)).collect(),
        1 => log.extend_from_slice(&LOGS[rng.usize(..LOGS.len())]),
        _ => {}
    }
    for _ in 0..rng.usize(..40) {
        change(rng, &mut log);
    }
    log
}

/// A byte, a piece or a part of them.
pub(crate) fn change(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.usize(..bytes.len());
    let end = (at + rng.usize(..200)).min(bytes.len());
    match rng.u8(..6) {
        0 => bytes[at] = rng.u8(..),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = rng.usize(..bytes.len());
            drop(bytes.splice(to..to, copy));
        }
        _ => {
            let piece = PIECES[rng.usize(..PIECES.len())];
            drop(bytes.splice(at..at, piece.iter().copied()));
        }
    }
}

/// What the ring may hold: records of all kinds, most of them of one incident, of which some bytes are
/// not what the kernel's side wrote.
pub(crate) fn ring(rng: &mut Rng) -> Vec<Vec<u8>> {
    let is_right = rng.bool();
    let mut ring: Vec<_> = (0..rng.usize(1..12)).map(|_| event(rng)).collect();
    for bytes in &mut ring {
        if !is_right && rng.u8(..4) == 0 {
            (0..rng.usize(1..20)).for_each(|_| change(rng, bytes));
        }
    }
    ring
}

/// A record of some kind, with anything in it.
fn event(rng: &mut Rng) -> Vec<u8> {
    let [short, long] = [rng.u32(..40), rng.u32(..400)];
    let kind = if rng.bool() { kind::VICTIM } else { rng.u32(..13) };
    match kind {
        kind::INCIDENT | kind::NO_VICTIM => incident(rng, kind),
        kind::VICTIM => record(rng, kind, long, |it: &mut Victim| it.path_len = long),
        kind::COMMAND => record(rng, kind, long + short, |it: &mut Command| {
            (it.exe_end, it.argv_end) = (short, short + long);
        }),
        kind::GROUP => record(rng, kind, short, |it: &mut Group| it.path_len = short.into()),
        kind::SHARER => record(rng, kind, 0, |_: &mut Sharer| {}),
        kind::PRINTED => record(rng, kind, 0, |_: &mut Printed| {}),
        kind::FREED => record(rng, kind, 0, |_: &mut Freed| {}),
        _ => record(rng, kind, 0, |_: &mut End| {}),
    }
}

/// With levels, candidates and paths behind it, most often as many as it says.
fn incident(rng: &mut Rng, kind: u32) -> Vec<u8> {
    let [levels, candidates, paths] = [(); 3].map(|()| rng.u32(..4));
    let ends: Vec<_> = (1..=paths).map(|path| path * rng.u32(10..20)).collect();
    let last = ends.iter().copied().max().unwrap_or(0);
    let [of_level, of_candidate] =
        [size_of::<Level>(), size_of::<Candidate>()].map(|size| u32::try_from(size).unwrap());
    let after = levels * of_level + candidates * of_candidate + last;
    let [limit, chosen, trigger] = [(); 3].map(|()| rng.u32(..4));
    record(rng, kind, after, |it: &mut Incident| {
        (it.levels_len, it.candidates_len, it.paths_len) = (levels, candidates, paths);
        (it.limit_path, it.chosen_path, it.trigger_path) = (limit, chosen, trigger);
        it.path_ends.iter_mut().zip(ends).for_each(|(slot, end)| *slot = end);
        it.stack_len %= 8;
    })
}

/// Its bytes, and so many after it.
fn record<T: FromZeros + IntoBytes + FromBytes + Immutable>(
    rng: &mut Rng,
    kind: u32,
    after: u32,
    fill: impl FnOnce(&mut T),
) -> Vec<u8> {
    let mut body = vec![0; size_of::<T>()];
    match rng.u8(..3) {
        0 => {}
        1 => rng.fill(&mut body),
        // Numbers as large as they are.
        _ => body.iter_mut().step_by(8).for_each(|byte| *byte = rng.u8(..)),
    }
    let mut record = T::read_from_bytes(&body).unwrap();
    fill(&mut record);
    let header = Header {
        kind,
        source: rng.u32(..5),
        incident: u64::from(rng.u8(..8) == 0),
        boot_ns: rng.u64(..),
        present: if rng.bool() { u64::MAX } else { rng.u64(..) },
    };
    let after = (0..after).map(|_| [0, b'/', b'a', rng.u8(..)][rng.usize(..4)]);
    let (header, body) = (header.as_bytes(), record.as_bytes());
    header.iter().chain(&body[header.len()..]).copied().chain(after).collect()
}

/// The mark of a victim in a cgroup of this path.
pub(crate) fn victim(rng: &mut Rng, path: &[u8]) -> Vec<u8> {
    let len = u32::try_from(path.len()).unwrap();
    let mut bytes = record(rng, kind::VICTIM, 0, |it: &mut Victim| it.path_len = len);
    bytes[offset_of!(Header, present)..][..8].fill(0xff);
    bytes.extend_from_slice(path);
    bytes
}
