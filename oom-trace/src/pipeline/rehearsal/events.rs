//! What the ring would hold of an incident that never was.

use oom_trace_common::record::{
    ARGV_LEN, COMM_LEN, Candidate, Command, EVENTS, End, Freed, Group, Header, Incident, LEVELS,
    Level, NODEMASK_LEN, PARENTS, Printed, REST_LEN, RSS_COUNTERS, STACK_LEN, Sharer, Victim, by,
    kind, outcome, role, source,
};
use zerocopy::{FromZeros, Immutable, IntoBytes};

const ID: u64 = 1;
/// Processes of a group that dies as a whole.
pub(super) const VICTIMS: u32 = 2;
/// What one holds, and what is weighed of it.
const PAGES: u64 = 16 << 10;
const MANY: i64 = 16 << 10;
/// Of each kind of memory (`mm_rss_stat`).
const RSS: [i64; RSS_COUNTERS] = [1, MANY, 1, 1];
const NAME: [u8; COMM_LEN] = *b"one\0\0\0\0\0\0\0\0\0\0\0\0\0";
const MESSAGE: &[u8] = b"Memory cgroup out of memory";
const GFP_KERNEL: u32 = 0xcc0;
/// include/linux/oom.h
const CONSTRAINT_MEMCG: u32 = 3;
const POD: &[u8] = b"cri-containerd-8f3a.scope\0kubepods-burstable-pod1.slice\0kubepods.slice\0";

/// One of each kind, with all fields present and paths of the greatest length.
pub(super) fn all() -> Vec<Vec<u8>> {
    let longest = [b'x'; REST_LEN];
    let mut events = vec![
        incident(kind::NO_VICTIM, &longest),
        incident(kind::INCIDENT, &longest),
        record(kind::PRINTED, |it: &mut Printed| it.usage.memory = PAGES, &[]),
    ];
    let group = |group: &mut Group| group.path_len = POD.len() as u64;
    events.push(record(kind::GROUP, group, POD));
    for (pid, path) in (1..=VICTIMS).zip([&longest[..], POD]) {
        let fill = |victim: &mut Victim| {
            (victim.pid, victim.tid, victim.path_len) = (pid, pid, len(path));
            (victim.start_boottime, victim.cgroup_id, victim.threads) = (1, 1, 2);
            (victim.total_vm, victim.pgtables_bytes) = (PAGES, PAGES);
            (victim.rss_count, victim.rss_sum) = (RSS, RSS);
            victim.outcome = outcome::KILLED;
            (victim.comm, victim.parent_comm) = (NAME, NAME);
        };
        events.push(record(kind::VICTIM, fill, path));
        events.push(record(kind::SHARER, |sharer: &mut Sharer| sharer.pid = VICTIMS + pid, &[]));
        events.push(command(pid));
    }
    let freed = |pid, by| {
        record(kind::FREED, |it: &mut Freed| (it.pid, it.tid, it.by) = (pid, pid, by), &[])
    };
    events.push(freed(1, by::REAPER));
    events.push(record(kind::END, |_: &mut End| {}, &[]));
    events.push(freed(VICTIMS, by::EXIT));
    events
}

/// With as many levels as there may be, one candidate in each role, and in each field what is no zero: for
/// that there may be a way of its own.
fn incident(kind: u32, path: &[u8]) -> Vec<u8> {
    let mut level = Level::new_zeroed();
    level.present = u64::MAX;
    (level.usage.memory, level.usage.memory_max) = (PAGES, PAGES);
    (level.usage.swap, level.usage.swap_max) = (1, PAGES);
    (level.usage.memory_failcnt, level.events) = (PAGES, [1; EVENTS]);
    let candidates = [role::TOP, role::LARGEST].map(|role| {
        let mut candidate = Candidate::new_zeroed();
        (candidate.present, candidate.role, candidate.path) = (u64::MAX, role, 1);
        (candidate.badness, candidate.held, candidate.total_vm) = (MANY, PAGES, PAGES);
        (candidate.rss, candidate.comm) = (RSS, NAME);
        candidate
    });
    let symbols = b"out_of_memory+0x1a5/0x430\0".repeat(STACK_LEN);
    let fill = |incident: &mut Incident| {
        (incident.totalpages, incident.weighed, incident.chosen_points) = (PAGES, 2, MANY);
        (incident.trigger_pid, incident.trigger_tid, incident.trigger_comm) = (1, 1, NAME);
        (incident.chosen_pid, incident.chosen_tid, incident.chosen_comm) = (1, 1, NAME);
        (incident.gfp_mask, incident.constraint) = (GFP_KERNEL, CONSTRAINT_MEMCG);
        // A node alone, and some in a row.
        incident.mems_allowed[0] = 0b1101;
        (incident.nodemask, incident.has_nodemask) = (incident.mems_allowed, 1);
        incident.nodemask_len = u32::try_from(NODEMASK_LEN).unwrap_or(0);
        incident.message.iter_mut().zip(MESSAGE).for_each(|(to, byte)| *to = *byte);
        (incident.limit, incident.limit_hierarchy) = (1, 1);
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
    // Names are held against words of each length, and in the end against those that name a secret.
    let names = ["of", "any", "name", "there", "may-be", "of-many", "password"];
    let mut argv = b"java\0".to_vec();
    names.iter().for_each(|name| argv.extend(format!("--{name}-{name}=secret\0").as_bytes()));
    argv.resize(ARGV_LEN, b'x');
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
