//! Bytes that were something once.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use fastrand::Rng;
use oom_trace_common::record::{Candidate, End, Incident, Level, Victim, kind};
use zerocopy::{FromZeros as _, IntoBytes as _};

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

fn change(rng: &mut Rng, bytes: &mut Vec<u8>) {
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

/// A record of the ring buffer with some changes.
pub(crate) fn event(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = match rng.u8(..4) {
        0 => {
            let mut incident = Incident::new_zeroed();
            incident.header.kind = kind::INCIDENT;
            incident.header.present = rng.u64(..);
            (incident.levels_len, incident.candidates_len) = (rng.u32(..3), rng.u32(..3));
            (incident.paths_len, incident.readable) = (rng.u32(..3), rng.u32(..));
            (incident.stack_len, incident.named) = (rng.u32(..), rng.u32(..));
            let levels = Level::new_zeroed().as_bytes().repeat(incident.levels_len as usize);
            let candidate = Candidate::new_zeroed();
            let candidates = candidate.as_bytes().repeat(incident.candidates_len as usize);
            incident.path_ends[0] = rng.u32(..20);
            incident.path_ends[1] = rng.u32(..40);
            [incident.as_bytes(), &levels, &candidates].concat()
        }
        1 => {
            let mut victim = Victim::new_zeroed();
            victim.header.kind = kind::VICTIM;
            victim.header.present = rng.u64(..);
            victim.as_bytes().to_vec()
        }
        2 => {
            let mut end = End::new_zeroed();
            end.header.kind = kind::END;
            end.as_bytes().to_vec()
        }
        _ => (0..rng.usize(..4096)).map(|_| rng.u8(..)).collect(),
    };
    bytes.extend((0..rng.usize(..300)).map(|_| if rng.bool() { rng.u8(..) } else { 0 }));
    for _ in 0..rng.usize(..20) {
        change(rng, &mut bytes);
    }
    bytes
}
