//! Why this process, and not another.

use super::super::facts::{is_global, larger, name, sum, who};
use crate::incident::model::{Memory, OomKill, Scope};
use crate::units::{Size, resident};

/// `out_of_memory` (mm/oom_kill.c), with `vm.oom_kill_allocating_task`.
const ALLOCATING_TASK: &[u8] = b"Out of memory (oom_kill_allocating_task)";

/// What kubelet gives pods without a memory request (pkg/kubelet/qos/policy.go).
const BEST_EFFORT_ADJ: i16 = 1000;

pub(super) fn by_hand(kill: &OomKill) -> Option<String> {
    (kill.shortage.scope == Some(Scope::Sysrq)).then(|| {
        "find out who pressed Alt-SysRq-F or wrote f to /proc/sysrq-trigger: memory need not have \
         been short"
            .to_owned()
    })
}

pub(super) fn allocating_task(kill: &OomKill) -> Option<String> {
    (kill.message.as_ref()?.as_bytes() == ALLOCATING_TASK).then(|| {
        format!(
            "set vm.oom_kill_allocating_task to 0: it had {} chosen because it asked, whatever \
             others held",
            who(&kill.victim)
        )
    })
}

pub(super) fn shielded(kill: &OomKill) -> Option<String> {
    let candidates = kill.candidates.as_ref()?;
    // The others of a group were not weighed.
    if candidates.decided_by_adj != Some(true) || kill.victim_index != 1 {
        return None;
    }
    let larger = larger(kill)?;
    let adj = larger.oom_score_adj.filter(|adj| Some(*adj) < kill.victim.oom_score_adj)?;
    let (larger, held) = (name(larger.comm.as_ref(), "another"), held(&larger.memory)?);
    Some(format!(
        "limit {larger}, or raise its oom_score_adj of {adj}: it held {} and was spared for that",
        Size(held)
    ))
}

pub(super) fn offered(kill: &OomKill) -> Option<String> {
    let adj = kill.victim.oom_score_adj.filter(|adj| *adj > 0)?;
    let decided = match &kill.candidates {
        Some(candidates) => candidates.decided_by_adj == Some(true) && kill.victim_index == 1,
        // In a cgroup all may have the same.
        None => is_global(kill),
    };
    if !decided {
        return None;
    }
    let pages =
        kill.shortage.totalpages?.checked_mul(u64::try_from(adj).ok()?)?.checked_div(1000)?;
    let bytes = Size(pages.checked_mul(kill.shortage.page_size_bytes?)?);
    let lower = match &kill.victim.pod {
        Some(_) if adj == BEST_EFFORT_ADJ => "give its pod a memory request",
        Some(_) => "raise its pod's memory request",
        None => "lower it",
    };
    let who = who(&kill.victim);
    Some(format!(
        "{lower}, if others should go first: its oom_score_adj of {adj} made {who} weigh {bytes} more \
         than it held"
    ))
}

/// What the kernel weighs, but for page tables.
fn held(memory: &Memory) -> Option<u64> {
    sum([resident(memory), Some(memory.swap_bytes.unwrap_or(0))])
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
        assert!(allocating_task(&kill).unwrap().contains("had java chosen because it asked"));
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
            "limit qemu, or raise its oom_score_adj of -900: it held 12.0 GiB and was spared for that"
        );
        kill.victim_index = 2;
        assert_eq!(shielded(&kill), None);
        kill.victim_index = 1;
        kill.candidates = Some(hog(0));
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
            "lower it, if others should go first: its oom_score_adj of 500 made java weigh 8.0 GiB \
             more than it held"
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
