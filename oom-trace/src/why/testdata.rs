//! Kills to be explained.

use crate::incident::model::{
    Candidate, Candidates, Cgroup, Container, Limit, Memory, Node, OomKill, Origin, Outcome, Pod,
    Scope, Shared, Shortage, Source, System, Trigger, Victim,
};

pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

/// Of which nothing is known.
pub(super) fn unknown() -> OomKill {
    OomKill::unknown(Origin::default(), Source::Kprobe)
}

fn mib(mib: u64) -> Memory {
    Memory {
        anon_rss_bytes: Some(mib * MIB),
        file_rss_bytes: Some(0),
        shmem_rss_bytes: Some(0),
        pgtables_bytes: Some(0),
        ..Memory::default()
    }
}

fn kill(scope: Scope, comm: &str, held: u64) -> OomKill {
    OomKill {
        outcome: Some(Outcome::Killed),
        shortage: Shortage {
            scope: Some(scope),
            page_size_bytes: Some(4096),
            trigger: Some(Trigger {
                pid: Some(7),
                comm: Some(comm.into()),
                order: Some(0),
                ..Trigger::default()
            }),
            ..Shortage::default()
        }
        .into(),
        victim: Victim {
            pid: Some(7),
            tid: 7,
            comm: Some(comm.into()),
            oom_score_adj: Some(0),
            memory: mib(held),
            ..Victim::default()
        },
        ..unknown()
    }
}

/// A service that met its limit of 512 MiB.
pub(super) fn of_a_service() -> OomKill {
    let mut kill = kill(Scope::Memcg, "python3", 492);
    kill.victim.unit = Some("app.service".into());
    kill.shortage.limit = Some(Limit {
        usage_bytes: Some(512 * MIB),
        max_bytes: Some(512 * MIB),
        ..Limit::default()
    });
    at(&mut kill, "/system.slice/app.service");
    limit_at(&mut kill, "/system.slice/app.service");
    kill
}

/// A container that did.
pub(super) fn in_pod() -> OomKill {
    let uid = "5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10";
    let id = "4b8f1f6a3c9d2e7b5a0c4d8e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c";
    let mut kill = of_a_service();
    kill.shortage.totalpages = Some(GIB / 4096);
    kill.victim.unit = None;
    kill.victim.container =
        Some(Container { id: id.into(), runtime: None, name: Some("web".into()), image: None });
    kill.victim.pod = Some(Pod {
        uid: uid.into(),
        namespace: Some("shop".into()),
        name: Some("cart-0".into()),
        container: Some("web".into()),
        qos: Some("burstable".into()),
    });
    let path = format!("/kubepods/burstable/pod{uid}/{id}");
    at(&mut kill, &path);
    limit_at(&mut kill, &path);
    kill
}

/// A machine of 16 GiB that had no more.
pub(super) fn of_the_machine() -> OomKill {
    let system =
        System { total_bytes: Some(16 * GIB), free_bytes: Some(120 * MIB), ..System::default() };
    OomKill { system: Some(system.into()), ..kill(Scope::Global, "java", 10_158) }
}

/// A shortage of the first of two nodes.
pub(super) fn of_nodes(scope: Scope) -> OomKill {
    let mut kill = of_the_machine();
    kill.shortage.scope = Some(scope);
    kill.shortage.nodemask = Some("0".into());
    let trigger = kill.shortage.trigger.as_mut().unwrap();
    trigger.cpuset = Some("batch".into());
    trigger.mems_allowed = Some("0".into());
    let node = |node, free_bytes| Node { node, total_bytes: Some(8 * GIB), free_bytes };
    kill.system.as_mut().unwrap().nodes =
        Some(vec![node(0, Some(12 * MIB)), node(1, Some(6 * GIB))]);
    kill
}

pub(super) fn at(kill: &mut OomKill, path: &str) {
    kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
}

pub(super) fn limit_at(kill: &mut OomKill, path: &str) {
    kill.shortage.limit.as_mut().unwrap().cgroup = Some(path.into());
}

/// Gives the victim so many MiB of anonymous memory.
pub(super) fn held(kill: &mut OomKill, held: u64) {
    kill.victim.memory = mib(held);
}

pub(super) fn candidate(pid: u32, held: u64) -> Candidate {
    Candidate {
        pid,
        tid: pid,
        comm: Some(format!("task{pid}").into()),
        uid: None,
        cgroup: None,
        memory: mib(held),
        rss_bytes: None,
        oom_score_adj: Some(0),
        badness: i64::try_from(held).ok(),
    }
}

/// All there are; the victim is 7.
pub(super) fn candidates(all: &[Candidate]) -> Shared<Candidates> {
    let largest = all.iter().max_by_key(|candidate| candidate.memory.anon_rss_bytes).cloned();
    Candidates {
        total: all.len() as u64,
        top: all.to_vec(),
        margin: None,
        decided_by_adj: largest.as_ref().map(|largest| largest.pid != 7),
        largest,
    }
    .into()
}
