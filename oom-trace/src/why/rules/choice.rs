//! Why this process, and not another.

use super::super::facts::{is_global, is_share, larger, machine_bytes, name, weighed, who};
use super::super::hit::Hit;
use crate::incident::model::{Candidate, OOM_SCORE_ADJ_MIN, OomKill, Scope};
use crate::quote::Quoted;
use crate::units::Size;

/// What kubelet gives pods without a memory request (pkg/kubelet/qos/policy.go).
const BEST_EFFORT_ADJ: i16 = 1000;

/// What may not be killed and holds less of the memory that ran out did not bring it about.
const NOTABLE_PERCENT: u64 = 10;

pub(super) fn to_test(kill: &OomKill) -> Option<String> {
    kill.is_test().then(|| {
        "nothing: oom-trace caused this kill itself, as a test (--demo or oom-trace trigger)"
            .to_owned()
    })
}

pub(super) fn by_hand(kill: &OomKill) -> Option<String> {
    (kill.shortage.scope == Some(Scope::Sysrq)).then(|| {
        "find out who pressed Alt-SysRq-F or wrote f to /proc/sysrq-trigger: memory may not have \
         been short at all"
            .to_owned()
    })
}

pub(super) fn allocating_task(kill: &OomKill) -> Option<String> {
    kill.is_allocating_task().then(|| {
        format!(
            "set vm.oom_kill_allocating_task to 0 so that the largest process is killed: it is on, and \
             {} was killed only because it was the one allocating",
            who(&kill.victim)
        )
    })
}

/// Those that hold memory and may not be killed for it.
pub(super) fn unkillable(kill: &OomKill) -> Option<String> {
    let candidates = kill.candidates.as_ref()?;
    let mut all: Vec<&Candidate> = Vec::new();
    for candidate in candidates.top.iter().chain(&candidates.largest) {
        let is_one =
            candidate.badness.is_none() && candidate.oom_score_adj == Some(OOM_SCORE_ADJ_MIN);
        if is_one && all.iter().all(|known| known.pid != candidate.pid) {
            all.push(candidate);
        }
    }
    let held = |candidate: &Candidate| candidate.held().unwrap_or(0);
    let sum = all.iter().map(|candidate| held(candidate)).fold(0, u64::saturating_add);
    let most = all.iter().max_by_key(|candidate| held(candidate))?;
    let is_notable = ran_out(kill).is_none_or(|whole| is_share(sum, whole, NOTABLE_PERCENT));
    if !is_notable || sum <= weighed(&kill.victim.memory)? {
        return None;
    }
    let name = name(most.comm.as_ref(), "another process");
    Some(match all.len() {
        1 => format!(
            "limit {name}, or raise its oom_score_adj of {OOM_SCORE_ADJ_MIN}: it held {} and may not \
             be killed",
            Size(sum)
        ),
        many => format!(
            "limit {name} and the others with an oom_score_adj of {OOM_SCORE_ADJ_MIN}, or raise their \
             oom_score_adj: these {many} processes held {} and may not be killed",
            Size(sum)
        ),
    })
}

/// How much there was of the memory that ran out.
fn ran_out(kill: &OomKill) -> Option<u64> {
    Hit::new(kill).map_or_else(|| machine_bytes(kill), |hit| hit.max())
}

pub(super) fn shielded(kill: &OomKill) -> Option<String> {
    let larger = passed_over(kill)?;
    let adj = larger.oom_score_adj.filter(|adj| (OOM_SCORE_ADJ_MIN + 1..0).contains(adj))?;
    let (larger, held) = (name(larger.comm.as_ref(), "another process"), larger.held()?);
    let is_notable = ran_out(kill).is_none_or(|whole| is_share(held, whole, NOTABLE_PERCENT));
    // Where somebody pressed the keys, memory need not have been short.
    if !is_notable || kill.shortage.scope == Some(Scope::Sysrq) {
        return None;
    }
    Some(format!(
        "limit {larger}, or raise its oom_score_adj of {adj}: it held {}, more than {}, but was \
         passed over because of that oom_score_adj",
        Size(held),
        who(&kill.victim)
    ))
}

pub(super) fn offered(kill: &OomKill) -> Option<String> {
    let adj = kill.victim.oom_score_adj.filter(|adj| *adj > 0)?;
    let larger = passed_over(kill);
    let decided = match &kill.candidates {
        Some(_) => larger.is_some(),
        // In a cgroup all may have the same.
        None => is_global(kill),
    };
    if !decided || kill.is_allocating_task() || kill.victim_index != 1 {
        return None;
    }
    let lower = match (&kill.victim.pod, &kill.victim.unit) {
        (Some(_), _) if adj == BEST_EFFORT_ADJ => "give its pod a memory request".to_owned(),
        (Some(_), _) => "raise its pod's memory request".to_owned(),
        (None, Some(unit)) if unit.ends_with(".service") => {
            format!("lower OOMScoreAdjust= of {}", Quoted::from(unit.as_str()))
        }
        _ => "lower its oom_score_adj".to_owned(),
    };
    let who = who(&kill.victim);
    let instead = larger.and_then(|larger| {
        let name = name(larger.comm.as_ref(), "another process");
        Some(format!(" and put it before {name}, which held {}", Size(larger.held()?)))
    });
    let added = added(kill, adj).map(|bytes| format!("added {} to its badness", Size(bytes)));
    let effect = added.unwrap_or_else(|| "made it more likely to be chosen".to_owned());
    Some(format!(
        "{lower} if others should be killed before {who}: its oom_score_adj of {adj} {effect}{}",
        instead.unwrap_or_default()
    ))
}

/// `oom_badness` (mm/oom_kill.c)
fn added(kill: &OomKill, adj: i16) -> Option<u64> {
    let pages =
        kill.shortage.totalpages?.checked_mul(u64::try_from(adj).ok()?)?.checked_div(1000)?;
    pages.checked_mul(kill.shortage.page_size_bytes?)
}

/// One that holds more than the victim and was not chosen for its `oom_score_adj`, or the victim's.
fn passed_over(kill: &OomKill) -> Option<&Candidate> {
    let candidates = kill.candidates.as_ref()?;
    // The others of a group were not weighed.
    if candidates.decided_by_adj != Some(true)
        || kill.victim_index != 1
        || kill.is_allocating_task()
    {
        return None;
    }
    larger(kill).filter(|larger| larger.oom_score_adj < kill.victim.oom_score_adj)
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{
        GIB, candidate, candidates, in_pod, of_a_service, of_the_machine,
    };
    use super::*;

    #[test]
    fn sysrq_is_somebodys_deed() {
        let mut kill = of_the_machine();
        assert_eq!(by_hand(&kill), None);
        kill.shortage.scope = Some(Scope::Sysrq);
        assert!(by_hand(&kill).unwrap().contains("SysRq"));
    }

    #[test]
    fn the_sysctl_that_kills_who_asks_is_named() {
        let mut kill = of_the_machine();
        assert_eq!(allocating_task(&kill), None);
        kill.message = Some("Out of memory (oom_kill_allocating_task)".into());
        assert!(allocating_task(&kill).unwrap().contains("java was killed only because it was"));
    }

    #[test]
    fn where_nothing_was_weighed_no_oom_score_adj_decided() {
        let mut kill = of_the_machine();
        kill.victim.oom_score_adj = Some(1000);
        kill.shortage.totalpages = Some(16 * GIB / 4096);
        assert!(offered(&kill).is_some());
        kill.message = Some("Out of memory (oom_kill_allocating_task)".into());
        assert_eq!(offered(&kill), None);
    }

    #[test]
    fn those_that_may_not_be_killed_are_named_if_they_hold_more() {
        let mut kill = of_the_machine();
        let never = |pid, held| Candidate {
            oom_score_adj: Some(-1000),
            badness: None,
            ..candidate(pid, held)
        };
        kill.victim.memory.anon_rss_bytes = Some(100 << 20);
        kill.candidates = Some(candidates(&[candidate(7, 100), never(9, 12 * 1024)]));
        assert_eq!(
            unkillable(&kill).unwrap(),
            "limit task9, or raise its oom_score_adj of -1000: it held 12.0 GiB and may not be killed"
        );
        assert_eq!(shielded(&kill), None);
        let three = [candidate(7, 100), never(8, 2048), never(9, 1024)];
        kill.candidates = Some(candidates(&three));
        assert!(unkillable(&kill).unwrap().contains("these 2 processes held 3.0 GiB"));
        kill.candidates = Some(candidates(&[candidate(7, 100), never(9, 101)]));
        assert_eq!(unkillable(&kill), None);
        kill.candidates = Some(candidates(&[candidate(7, 100), candidate(9, 12 * 1024)]));
        assert_eq!(unkillable(&kill), None);
    }

    #[test]
    fn an_equal_was_not_passed_over() {
        let mut kill = of_the_machine();
        kill.victim.memory.anon_rss_bytes = Some(100 << 20);
        kill.victim.oom_score_adj = Some(5);
        kill.candidates = Some(candidates(&[candidate(7, 100), candidate(9, 100)]));
        kill.candidates.as_mut().unwrap().decided_by_adj = Some(true);
        assert_eq!((shielded(&kill), offered(&kill)), (None, None));
    }

    #[test]
    fn a_larger_one_that_its_adj_spared_is_named() {
        let mut kill = of_the_machine();
        let hog = |adj| {
            let mut hog = candidate(9, 12 * 1024);
            hog.comm = Some("qemu".into());
            hog.oom_score_adj = Some(adj);
            candidates(&[candidate(7, 100), hog])
        };
        kill.candidates = Some(hog(-900));
        assert_eq!(
            shielded(&kill).unwrap(),
            "limit qemu, or raise its oom_score_adj of -900: it held 12.0 GiB, more than java, but \
             was passed over because of that oom_score_adj"
        );
        kill.shortage.scope = Some(Scope::Sysrq);
        assert_eq!(shielded(&kill), None);
        kill.shortage.scope = Some(Scope::Global);
        // What is small did not bring it about.
        kill.system.as_mut().unwrap().total_bytes = Some(200 * GIB);
        assert_eq!(shielded(&kill), None);
        kill.system.as_mut().unwrap().total_bytes = Some(16 * GIB);
        kill.message = Some("Out of memory (oom_kill_allocating_task)".into());
        assert_eq!(shielded(&kill), None);
        kill.message = None;
        kill.victim_index = 2;
        assert_eq!(shielded(&kill), None);
        kill.victim_index = 1;
        // Not the hog's adj but the victim's decided.
        kill.candidates = Some(hog(0));
        kill.victim.oom_score_adj = Some(300);
        assert_eq!(shielded(&kill), None);
        assert!(offered(&kill).unwrap().ends_with("put it before qemu, which held 12.0 GiB"));
        kill.victim.oom_score_adj = Some(0);
        assert_eq!(shielded(&kill), None);
        kill.candidates = Some(hog(-900));
        kill.candidates.as_mut().unwrap().decided_by_adj = Some(false);
        assert_eq!(shielded(&kill), None);
    }

    #[test]
    fn its_own_adj_is_named_where_it_decided() {
        let mut kill = of_the_machine();
        assert_eq!(offered(&kill), None);
        kill.victim.oom_score_adj = Some(500);
        kill.shortage.totalpages = Some(16 * GIB / 4096);
        assert_eq!(
            offered(&kill).unwrap(),
            "lower its oom_score_adj if others should be killed before java: its oom_score_adj of 500 \
             added 8.0 GiB to its badness"
        );
        kill.candidates = Some(candidates(&[candidate(7, 100)]));
        assert_eq!(offered(&kill), None);
        let mut kill = of_a_service();
        kill.victim.oom_score_adj = Some(500);
        assert_eq!(offered(&kill), None);
    }

    #[test]
    fn in_a_pod_the_request_sets_it() {
        let mut kill = in_pod();
        kill.shortage.scope = Some(Scope::Global);
        for (adj, what) in [(1000, "give its pod a memory request"), (300, "raise its pod's")] {
            kill.victim.oom_score_adj = Some(adj);
            assert!(offered(&kill).unwrap().starts_with(what));
        }
    }
}
