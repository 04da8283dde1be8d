use super::*;
use crate::incident::model::{Origin, Source};

fn logged(shortage: Shortage, candidates: Candidates, system: System) -> OomKill {
    OomKill {
        message: Some("of the log".into()),
        shortage: shortage.into(),
        candidates: Some(candidates.into()),
        system: Some(system.into()),
        ..OomKill::unknown(Origin::default(), Source::KernelLog)
    }
}

fn task(tid: u32, uid: Option<u32>) -> Candidate {
    Candidate {
        pid: tid,
        tid,
        comm: None,
        uid,
        cgroup: None,
        memory: Memory::default(),
        rss_bytes: None,
        oom_score_adj: None,
        badness: None,
    }
}

fn of_the_log() -> OomKill {
    let stat = Counters::from([("anon".to_owned(), 7)]);
    let limit =
        Limit { usage_bytes: Some(2), max_bytes: Some(2), stat: Some(stat), ..Limit::default() };
    let trigger = Trigger { tid: Some(2), order: Some(3), ..Trigger::default() };
    let shortage = Shortage {
        scope: Some(Scope::Memcg),
        limit: Some(limit),
        trigger: Some(trigger),
        ..Shortage::default()
    };
    let zone = Zone { name: "DMA".to_owned(), ..Zone::default() };
    let system = System { free_bytes: Some(2), zones: Some(vec![zone]), ..System::default() };
    let candidates = Candidates {
        total: 2,
        top: vec![task(7, Some(33))],
        largest: None,
        margin: None,
        decided_by_adj: None,
    };
    logged(shortage, candidates, system)
}

#[test]
fn what_a_hook_told_stays_and_what_it_did_not_tell_is_added() {
    let limit = Limit { usage_bytes: Some(1), ..Limit::default() };
    let trigger = Trigger { tid: Some(1), ..Trigger::default() };
    let mut common = Common {
        message: Some("of the hook".into()),
        shortage: Shortage { limit: Some(limit), trigger: Some(trigger), ..Shortage::default() },
        system: Some(System { free_bytes: Some(1), ..System::default() }),
        ..Common::default()
    };
    common.fill(of_the_log(), 10, &[]);
    assert_eq!(common.message, Some("of the hook".into()));
    let Shortage { scope, limit, trigger, .. } = common.shortage;
    let (limit, trigger) = (limit.unwrap(), trigger.unwrap());
    assert_eq!((limit.usage_bytes, limit.max_bytes), (Some(1), Some(2)));
    assert_eq!(limit.stat.unwrap()["anon"], 7);
    assert_eq!((trigger.tid, trigger.order, scope), (Some(1), Some(3), Some(Scope::Memcg)));
    let system = common.system.unwrap();
    assert_eq!((system.free_bytes, system.zones.unwrap().len()), (Some(1), 1));
    assert_eq!(common.candidates.unwrap().total, 2);
}

/// No hook reads the owner of each.
#[test]
fn a_candidate_gets_its_owner_from_the_table() {
    let told = Candidates {
        total: 3,
        top: vec![task(8, None), task(7, None)],
        largest: Some(task(7, None)),
        margin: None,
        decided_by_adj: None,
    };
    let mut common = Common { candidates: Some(told), ..Common::default() };
    common.fill(of_the_log(), 10, &[]);
    let Candidates { total, top, largest, .. } = common.candidates.unwrap();
    let uids: Vec<_> = top.iter().chain(&largest).map(|it| (it.tid, it.uid)).collect();
    assert_eq!((total, &uids[..]), (3, &[(8, None), (7, Some(33)), (7, Some(33))][..]));
}

#[test]
fn what_there_was_no_room_for_does_not_come_back() {
    let mut common = Common::default();
    common.fill(of_the_log(), 10, &["candidates", "victim.argv"]);
    assert!(common.candidates.is_none() && common.system.is_some());
}

#[test]
fn a_victim_that_a_hook_read_is_read_once() {
    let memory = |bytes| Memory { anon_rss_bytes: bytes, ..Memory::default() };
    let logged = Victim {
        comm: Some("log".into()),
        uid: Some(5),
        memory: memory(Some(2)),
        memory_logged: vec![memory(Some(2))],
        ..Victim::default()
    };
    // Two kills of it, of which the first is told.
    let mut victim = Victim {
        comm: Some("hook".into()),
        memory_logged: vec![memory(None), memory(None)],
        ..Victim::default()
    };
    fill_victim(&mut victim, logged);
    assert_eq!((victim.comm, victim.uid), (Some("hook".into()), Some(5)));
    assert_eq!(victim.memory, memory(Some(2)));
    assert_eq!(victim.memory_logged, [memory(Some(2)), memory(None)]);
}
