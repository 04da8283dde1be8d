//! What the ring would hold of an incident that never was.

use oom_trace_common::record::{
    ARGV_LEN, Candidate, Command, End, Freed, Group, Header, Incident, LEVELS, Level, PARENTS,
    Printed, REST_LEN, STACK_LEN, Sharer, Victim, by, kind, outcome, role, source,
};
use zerocopy::{FromZeros, Immutable, IntoBytes};

const ID: u64 = 1;
/// Processes of a group that dies as a whole.
pub(super) const VICTIMS: u32 = 2;
const POD: &[u8] = b"cri-containerd-8f3a.scope\0kubepods-burstable-pod1.slice\0kubepods.slice\0";

/// One of each kind, with all fields present and paths of the greatest length.
pub(super) fn all() -> Vec<Vec<u8>> {
    let longest = [b'x'; REST_LEN];
    let mut events = vec![
        incident(kind::NO_VICTIM, &longest),
        incident(kind::INCIDENT, &longest),
        record(kind::PRINTED, |_: &mut Printed| {}, &[]),
    ];
    let group = |group: &mut Group| group.path_len = POD.len() as u64;
    events.push(record(kind::GROUP, group, POD));
    for (pid, path) in (1..=VICTIMS).zip([&longest[..], POD]) {
        let fill = |victim: &mut Victim| {
            (victim.pid, victim.tid, victim.path_len) = (pid, pid, len(path));
            victim.outcome = outcome::KILLED;
            victim.comm[..3].copy_from_slice(b"one");
        };
        events.push(record(kind::VICTIM, fill, path));
        events.push(record(kind::SHARER, |sharer: &mut Sharer| sharer.pid = VICTIMS + pid, &[]));
        events.push(command(pid));
    }
    let freed =
        |pid, by| record(kind::FREED, |freed: &mut Freed| (freed.pid, freed.by) = (pid, by), &[]);
    events.push(freed(1, by::REAPER));
    events.push(record(kind::END, |_: &mut End| {}, &[]));
    events.push(freed(VICTIMS, by::EXIT));
    events
}

/// With as many levels as there may be, and one candidate in each role.
fn incident(kind: u32, path: &[u8]) -> Vec<u8> {
    let mut level = Level::new_zeroed();
    level.present = u64::MAX;
    let candidates = [role::TOP, role::LARGEST].map(|role| {
        let mut candidate = Candidate::new_zeroed();
        (candidate.present, candidate.role, candidate.path) = (u64::MAX, role, 1);
        candidate
    });
    let symbols = b"out_of_memory+0x1a5/0x430\0".repeat(STACK_LEN);
    let fill = |incident: &mut Incident| {
        incident.limit = 1;
        (incident.levels_len, incident.candidates_len) = (LEVELS, 2);
        (incident.paths_len, incident.readable, incident.chosen_path) = (2, u32::MAX, 1);
        [incident.path_ends[0], incident.path_ends[1]] = [len(path), len(path) + len(POD)];
        (incident.stack_len, incident.named) = (u32::try_from(STACK_LEN).unwrap_or(0), u32::MAX);
    };
    let levels = level.as_bytes().repeat(LEVELS as usize);
    record(kind, fill, &[&levels, candidates.as_bytes(), path, POD, &symbols].concat())
}

fn command(pid: u32) -> Vec<u8> {
    let exe = b"java\0bin\0usr\0";
    let mut argv = b"java\0--password=secret\0".repeat(ARGV_LEN / 16);
    argv.truncate(ARGV_LEN);
    let fill = |command: &mut Command| {
        command.pid = pid;
        command.parents_len = u32::try_from(PARENTS).unwrap_or(0);
        command.exe_end = len(exe);
        command.argv_end = len(exe) + len(&argv);
    };
    record(kind::COMMAND, fill, &[exe, &argv[..]].concat())
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(0)
}

/// Its bytes; each kind of record starts with a header.
pub(super) fn record<T: FromZeros + IntoBytes + Immutable>(
    kind: u32,
    fill: impl FnOnce(&mut T),
    after: &[u8],
) -> Vec<u8> {
    let mut record = T::new_zeroed();
    fill(&mut record);
    let header =
        Header { kind, source: source::KPROBE, incident: ID, boot_ns: ID, present: u64::MAX };
    let (header, body) = (header.as_bytes(), record.as_bytes());
    [header, body.get(header.len()..).unwrap_or_default(), after].concat()
}
