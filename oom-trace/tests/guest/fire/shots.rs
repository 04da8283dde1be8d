//! Kills of all kinds, by chance.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::victim::{Crowd, Victim, fifo, storm};
use super::{MIB, Nested, SMALL};
use crate::cgroup::Cgroup;
use crate::support::PATIENCE;

/// What whoever shoots knows, and whoever has it shoot.
#[derive(Debug, Default)]
pub(crate) struct Firing {
    pub(crate) enough: AtomicBool,
    /// Nothing is to happen for a while.
    pub(crate) held: AtomicBool,
    /// Processes that were killed.
    pub(crate) victims: AtomicUsize,
    /// What is being shot, and since when.
    pub(crate) shot: Mutex<Option<(String, Instant)>>,
}

impl Firing {
    /// Whoever is to die dies.
    pub(crate) fn assert_going(&self) {
        let shot = self.shot.lock().unwrap().clone();
        if let Some((name, since)) = shot
            && since.elapsed() > PATIENCE
        {
            panic!("{name} does not come to its end: {:#?}", alive());
        }
    }
}

/// Until it is enough; answers how many processes died.
pub(crate) fn fire(mut rng: Rng, firing: &Firing) -> usize {
    let mut number = 0;
    while !firing.enough.load(Ordering::Relaxed) {
        if firing.held.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
            continue;
        }
        number += 1;
        let name = format!("shot-{number}");
        let kind = rng.u8(..8);
        *firing.shot.lock().unwrap() = Some((format!("{name} of kind {kind}"), Instant::now()));
        let died = match kind {
            0 => in_turn(&mut rng, &Cgroup::limited(&name, SMALL)),
            1 => at_once(&mut rng, &Cgroup::limited(&name, SMALL)),
            2 => group(&mut rng, &Cgroup::limited(&name, 256 * MIB)),
            3 => threads(&mut rng, &Cgroup::limited(&name, 2 * SMALL)),
            4 => sharers(&mut rng, Cgroup::limited(&name, 2 * SMALL)),
            5 => in_turn(&mut rng, Nested::deep(&name, SMALL).innermost()),
            6 => nested(&mut rng, &Cgroup::limited(&name, 2 * SMALL)),
            _ => others(&mut rng, &Cgroup::limited(&name, 256 * MIB)),
        };
        *firing.shot.lock().unwrap() = None;
        firing.victims.fetch_add(died, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(rng.u64(..600)));
    }
    firing.victims.load(Ordering::Relaxed)
}

/// Processes of shots that live: the cgroup's name, the process's state, and where it waits.
fn alive() -> Vec<String> {
    let mut alive = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let read = |file: &str| {
            let bytes = fs::read(path.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).trim_end().to_owned()
        };
        let cgroup = read("cgroup");
        if cgroup.contains("/shot-") {
            let cgroup: String = cgroup.chars().take(40).collect();
            alive.push(format!("{cgroup} {} {}", read("stat"), read("wchan")));
        }
    }
    alive
}

/// Some process, of a name that may be anything, of some user.
fn any(rng: &mut Rng, victim: Victim) -> Victim {
    let name = match rng.u8(..3) {
        0 => (0..rng.usize(1..16)).map(|_| rng.u8(1..)).collect(),
        1 => b": Killed process"[..rng.usize(1..16)].to_vec(),
        _ => victim.name,
    };
    let uid = if rng.bool() { 0 } else { rng.u32(..u32::MAX) };
    Victim { name, uid, oom_score_adj: rng.i16(-999..=1000), ..victim }
}

fn in_turn(rng: &mut Rng, cgroup: &Cgroup) -> usize {
    let kills = rng.usize(1..10);
    for _ in 0..kills {
        any(rng, Victim::growing("single", cgroup)).dies();
    }
    kills
}

fn at_once(rng: &mut Rng, cgroup: &Cgroup) -> usize {
    let kills = rng.usize(2..40);
    storm(&[(); 5].map(|()| any(rng, Victim::growing("many", cgroup))), kills);
    kills
}

fn group(rng: &mut Rng, cgroup: &Cgroup) -> usize {
    let members = rng.usize(1..25);
    cgroup.write("memory.oom.group", 1);
    let member = Victim { threads: rng.usize(..10), ..Victim::waiting("member", cgroup) };
    let crowd = Crowd::start(&any(rng, member), members);
    cgroup.limit(cgroup.usage() + MIB);
    any(rng, Victim::growing("grower", cgroup)).dies();
    crowd.killed();
    members + 1
}

fn threads(rng: &mut Rng, cgroup: &Cgroup) -> usize {
    let kills = rng.usize(1..4);
    for _ in 0..kills {
        let victim = Victim { threads: rng.usize(1..60), ..Victim::growing("threads", cgroup) };
        any(rng, victim).dies();
    }
    kills
}

fn sharers(rng: &mut Rng, cgroup: Cgroup) -> usize {
    let (_folder, fifo) = fifo();
    let victim = Victim { sharers: rng.usize(1..5), fifo, ..Victim::growing("parent", &cgroup) };
    // Who shares the memory opens the FIFO, which only root may.
    Victim { uid: 0, ..any(rng, victim) }.dies();
    // They die with it, each in its own time.
    cgroup.remove_when_empty();
    1
}

/// A limit within a limit: now the one is met, now the other.
fn nested(rng: &mut Rng, outer: &Cgroup) -> usize {
    let (tight, loose) = (outer.child("tight"), outer.child("loose"));
    tight.limit(SMALL);
    let kills = rng.usize(1..10);
    storm(&[&tight, &loose].map(|cgroup| any(rng, Victim::growing("nested", cgroup))), kills);
    kills
}

/// They wait, and die for one that the kernel takes last.
fn others(rng: &mut Rng, cgroup: &Cgroup) -> usize {
    let count = rng.usize(1..20);
    let idle = Victim { oom_score_adj: 900, holds: 256 << 10, ..Victim::waiting("idle", cgroup) };
    let crowd = Crowd::start(&idle, count);
    // Of a limit below a thousand pages `oom_badness` makes nothing of `oom_score_adj`.
    cgroup.limit((cgroup.usage() + MIB).max(8 * MIB));
    Victim { oom_score_adj: -900, ..Victim::growing("last", cgroup) }.dies();
    crowd.killed();
    count + 1
}
