//! Kills that never were.

use fastrand::Rng;
use oom_trace::incident::model::{
    Build, Cgroup, Chosen, Limit, Memory, OomKill, OomKillType, Origin, Outcome, SCHEMA, Scope,
    Shortage, Source, Trigger, Victim,
};
use oom_trace::text::KernelText;

/// The victims of one shortage; the first is the one that was chosen.
pub(crate) type Incident = Vec<OomKill>;

/// Pieces of names that look like what stands around names.
const PIECES: &[&str] = &[
    "a",
    "b",
    "z9",
    " ",
    "  ",
    "(",
    ")",
    ",",
    ":",
    "=",
    "[",
    "]",
    "\n",
    "\\",
    "\\x0a",
    "#012",
    "é",
    "\u{1b}",
    "task=",
    ",task=",
    ",pid=1",
    ",uid=0",
    "kB",
    ") total-vm",
    " PID: 1",
    "Not tainted",
    " Tainted: ",
    "/0",
    "kworker",
    " score 1",
    "CPU: 0",
    "Killed",
    "[T1]",
    " kernel: ",
    "6.1",
];

/// Pieces of names that look like nothing else.
const PLAIN: &[&str] = &["a", "b", "z9", "-", "_", ".", "kworker", "system"];

/// Kills, and whether all their names are plain.
pub(crate) fn incidents(rng: &mut Rng) -> (Vec<Incident>, bool) {
    let is_plain = rng.bool();
    let pieces = if is_plain { PLAIN } else { PIECES };
    let release = if rng.bool() { "6.18.15+deb13-amd64" } else { "5.10.0-32-amd64" };
    let mut tids = 1 + rng.u32(..100);
    // More than ten are a storm: the kernel dumps the first ten of them.
    let count = if rng.u8(..8) == 0 { rng.usize(11..16) } else { rng.usize(1..4) };
    ((0..count).map(|_| incident(rng, release, &mut tids, pieces)).collect(), is_plain)
}

fn name(rng: &mut Rng, pieces: &[&str], most: usize, without: &[char]) -> KernelText {
    let mut name = String::new();
    for _ in 0..rng.usize(..6) {
        let piece = pieces[rng.usize(..pieces.len())].replace(without, "");
        if name.len() + piece.len() <= most {
            name.push_str(&piece);
        }
    }
    KernelText::from(name)
}

fn comm(rng: &mut Rng, pieces: &[&str]) -> KernelText {
    if rng.bool() { KernelText::from("memhog") } else { name(rng, pieces, 15, &[]) }
}

/// A cgroup's name holds no line feed (`cgroup_mkdir`, kernel/cgroup/cgroup.c).
fn path(rng: &mut Rng, pieces: &[&str]) -> KernelText {
    let mut path = Vec::new();
    for _ in 0..rng.usize(1..4) {
        path.push(b'/');
        path.push(b'g');
        path.extend_from_slice(name(rng, pieces, 40, &['\n', '/']).as_bytes());
    }
    KernelText::from(path)
}

fn kib(rng: &mut Rng) -> Option<u64> {
    Some(rng.u64(..1 << 24) * 4096)
}

fn memory(rng: &mut Rng) -> Memory {
    Memory {
        total_vm_bytes: kib(rng),
        anon_rss_bytes: kib(rng),
        file_rss_bytes: kib(rng),
        shmem_rss_bytes: kib(rng),
        swap_bytes: None,
        pgtables_bytes: kib(rng),
    }
}

fn nodes(rng: &mut Rng) -> String {
    ["0", "0-1", "0,2-3"][rng.usize(..3)].into()
}

fn incident(rng: &mut Rng, release: &str, tids: &mut u32, pieces: &[&str]) -> Incident {
    let mut next = |rng: &mut Rng| {
        *tids += 1 + rng.u32(..50);
        *tids
    };
    let is_memcg = rng.bool();
    let order = if is_memcg { 0 } else { rng.i32(-1..4) };
    let scope = match (is_memcg, order) {
        (true, _) => Scope::Memcg,
        (false, -1) => Scope::Sysrq,
        _ => Scope::Global,
    };
    let limit = is_memcg.then(|| Limit {
        cgroup: Some(path(rng, pieces)),
        usage_bytes: kib(rng),
        max_bytes: kib(rng).filter(|_| rng.bool()),
        failcnt: Some(rng.u64(..)),
        swap_usage_bytes: kib(rng),
        swap_max_bytes: kib(rng).filter(|_| rng.bool()),
        swap_failcnt: Some(rng.u64(..)),
        ..Limit::default()
    });
    let (chosen, cgroup) = (next(rng), path(rng, pieces));
    let (chosen_comm, uid) = (comm(rng, pieces), rng.u32(..));
    let is_new = release.starts_with('6');
    let trigger_tid = next(rng);
    let shortage = Shortage {
        scope: Some(scope),
        constraint: Some(if is_memcg {
            "CONSTRAINT_MEMCG".into()
        } else {
            "CONSTRAINT_NONE".into()
        }),
        nodemask: None,
        page_size_bytes: Some(4096),
        totalpages: None,
        trigger: Some(Trigger {
            pid: Some(trigger_tid),
            tid: Some(trigger_tid),
            comm: Some(comm(rng, pieces)),
            uid: is_new.then(|| rng.u32(..)),
            oom_score_adj: Some(rng.i16(-1000..=1000)),
            gfp_mask: Some("0xcc0".into()),
            gfp_flags: Some(vec!["GFP_KERNEL".into()]),
            order: Some(order),
            user_pc: None,
            cgroup: None,
            cpuset: Some(name(rng, pieces, 60, &['\n', '/'])),
            mems_allowed: Some(nodes(rng)),
        }),
        limit,
        cpu: Some(rng.u32(..256)),
        build: Build {
            kernel_version: Some("#1 SMP Debian 6.18.15-1 (2026-01-01)".into()),
            preempt: is_new.then(|| "PREEMPT(lazy)".into()),
            taint: Some(["Not tainted", "Tainted: G        W  "][rng.usize(..2)].into()),
            hardware: Some("QEMU Standard PC, BIOS 1.16 04/01/2014".into()),
        },
        stack: Some((0..rng.usize(..5)).fold(
            vec!["out_of_memory+0x1bd/0x4e0".into()],
            |mut stack, _| {
                stack.push(format!("f{}+0x1/0x{:x}", rng.u8(..), rng.u16(1..)));
                stack
            },
        )),
    };
    let message = match (is_memcg, rng.u8(..4)) {
        (true, _) => "Memory cgroup out of memory",
        (false, 0) if order >= 0 => "Out of memory (oom_kill_allocating_task)",
        _ => "Out of memory",
    };
    let group = (rng.u8(..3) == 0).then(|| path(rng, pieces));
    let members = if group.is_some() { rng.usize(1..5) } else { 1 };
    let victims: Vec<_> = (0..members)
        .map(|index| {
            let is_first = index == 0;
            let logged = memory(rng);
            let tid = if is_first { chosen } else { next(rng) };
            let kills = if is_first && group.is_some() { 2 } else { 1 };
            let cgroup = is_first.then(|| Cgroup { path: cgroup.clone(), id: None });
            Victim {
                pid: Some(tid),
                comm: Some(if is_first { chosen_comm.clone() } else { comm(rng, pieces) }),
                uid: Some(if is_first { uid } else { rng.u32(..) }),
                oom_score_adj: Some(rng.i16(-999..=1000)),
                memory: Memory { swap_bytes: kib(rng), ..logged },
                memory_logged: vec![logged; kills],
                cgroup,
                ..victim(tid)
            }
        })
        .collect();
    let count = u32::try_from(victims.len()).unwrap();
    let kill = |(index, victim): (u32, Victim)| OomKill {
        schema: SCHEMA,
        kind: OomKillType::OomKill,
        incident: String::new(),
        origin: Origin {
            time: None,
            time_guessed: None,
            boot_ns: None,
            boot_id: None,
            host: None,
            kernel: Some(release.into()),
        },
        source: Source::KernelLog,
        outcome: Some(Outcome::Killed),
        victim_index: index,
        victim_count: count,
        kill_count: u32::try_from(victim.memory_logged.len()).ok(),
        killed_again: Vec::new(),
        log_us: None,
        backfilled: false,
        message: Some(message.into()),
        shortage: shortage.clone().into(),
        chosen: Some(Chosen {
            tid: chosen,
            comm: Some(chosen_comm.clone()),
            score: None,
            uid: Some(uid),
            cgroup: Some(cgroup.clone()),
        }),
        victim,
        group: group.clone(),
        candidates: None,
        census: None,
        system: None,
        why: None,
        shrunk: Vec::new(),
    };
    (1..).zip(victims).map(kill).collect()
}

fn victim(tid: u32) -> Victim {
    Victim { tid, ..Victim::default() }
}
