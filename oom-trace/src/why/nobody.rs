//! A shortage in which nobody was killed: no process may be, or the kernel panics instead.

use super::facts::{all, everyone, is_share, machine_bytes, name};
use super::hit::Hit;
use super::summary;
use crate::incident::model::{
    Candidate, Candidates, Census, OOM_SCORE_ADJ_MIN, OomFailed, OomKill, OomPanic, Origin,
    Shortage, Source, System, Why,
};
use crate::units::Size;

/// No process fits under such a limit.
const TINY_BYTES: u64 = 1 << 20;

/// A machine with so much locked in memory is short for that.
const LOCKED_PERCENT: u64 = 25;

/// Who holds less of it did not bring it about.
const NOTABLE_PERCENT: u64 = 10;

/// The greater part.
const HALF_PERCENT: u64 = 50;

pub(super) fn failed(failed: &OomFailed) -> Option<Why> {
    let OomFailed { shortage, candidates, census, system, origin, source, .. } = failed;
    let weighed = (candidates.as_ref(), census.as_ref());
    explain(&of_nobody(origin, *source, shortage, weighed, system.as_ref()), false)
}

pub(super) fn panic(panic: &OomPanic) -> Option<Why> {
    let OomPanic { shortage, candidates, census, system, origin, source, message, .. } = panic;
    let weighed = (candidates.as_ref(), census.as_ref());
    let is_set = message.contains("panic_on_oom");
    explain(&of_nobody(origin, *source, shortage, weighed, system.as_ref()), is_set)
}

/// The same as a kill, for those who tell of kills: its victim is nobody.
fn of_nobody(
    origin: &Origin,
    source: Source,
    shortage: &Shortage,
    (candidates, census): (Option<&Candidates>, Option<&Census>),
    system: Option<&System>,
) -> OomKill {
    OomKill {
        shortage: shortage.clone().into(),
        candidates: candidates.cloned().map(Into::into),
        census: census.cloned().map(Into::into),
        system: system.cloned().map(Into::into),
        ..OomKill::unknown(origin.clone(), source)
    }
}

/// `is_set`: by `vm.panic_on_oom` the kernel looked for nobody.
fn explain(kill: &OomKill, is_set: bool) -> Option<Why> {
    let nobody = || if is_set { None } else { spared(kill) };
    let clauses = [
        summary::shortage(kill),
        locked(kill).map(|bytes| format!("{} of memory is unevictable", Size(bytes))),
        nobody(),
    ];
    let clauses: Vec<_> = clauses.into_iter().flatten().collect();
    let hints = [set(is_set), tiny(kill), raise(kill), unlock(kill), limit(kill)];
    let hints: Vec<_> = hints.into_iter().flatten().collect();
    let summary = if clauses.is_empty() { None } else { Some(clauses.join("; ")) };
    Some(Why { summary: summary?, hints })
}

/// Why nobody may be killed.
fn spared(kill: &OomKill) -> Option<String> {
    let all = all(kill)?;
    let is_of_log = kill.source.is_kernel_log();
    let of = match kill.shortage.limit.is_some() {
        _ if is_of_log => " in the log's table",
        true => " in it",
        false => " left",
    };
    Some(match (all.processes, all.unkillable) {
        (1, 1) => format!(
            "the only process{of} has an oom_score_adj of {OOM_SCORE_ADJ_MIN}, so it may not be \
             killed"
        ),
        (processes, spared) if processes == spared => {
            let all = everyone(kill, processes);
            let of = if is_of_log { "" } else { of };
            format!("{all}{of} have an oom_score_adj of {OOM_SCORE_ADJ_MIN}")
        }
        (processes, _) => format!("none of the {processes} processes{of} may be killed"),
    })
}

fn set(is_set: bool) -> Option<String> {
    is_set.then(|| {
        "set vm.panic_on_oom to 0 so that the kernel kills a process instead of panicking"
            .to_owned()
    })
}

fn tiny(kill: &OomKill) -> Option<String> {
    let hit = Hit::new(kill)?;
    let max = hit.max().filter(|max| *max < TINY_BYTES)?;
    Some(format!("raise {}: nothing can run with a limit of {}", hit.knob(), Size(max)))
}

/// Whoever holds the most, if it may not be killed.
fn raise(kill: &OomKill) -> Option<String> {
    let largest: &Candidate = kill.candidates.as_ref()?.largest.as_ref()?;
    (largest.oom_score_adj == Some(OOM_SCORE_ADJ_MIN)).then_some(())?;
    let whole = Hit::new(kill).map_or_else(|| machine_bytes(kill), |hit| hit.max());
    let is_notable = match (largest.held(), whole.or_else(|| locked(kill))) {
        (Some(held), Some(whole)) => is_share(held, whole, NOTABLE_PERCENT),
        _ => true,
    };
    is_notable.then_some(())?;
    let name = name(largest.comm.as_ref(), "the largest process");
    let held = match largest.held() {
        Some(held) => format!("it held {} and may not be killed", Size(held)),
        None => "it held the most and may not be killed".to_owned(),
    };
    Some(format!(
        "raise the oom_score_adj of {name} (pid {}) from {OOM_SCORE_ADJ_MIN}, or find out who set it: {held}",
        largest.pid
    ))
}

/// What is locked in memory, if that is much of it.
fn locked(kill: &OomKill) -> Option<u64> {
    let system = kill.system.as_ref()?;
    let counters = system.counters.as_ref()?;
    let locked = *counters.get("unevictable")?;
    let others = ["active_anon", "inactive_anon", "active_file", "inactive_file"];
    let slabs = ["slab_reclaimable", "slab_unreclaimable"];
    let known = others.iter().chain(&slabs).filter_map(|name| counters.get(*name));
    let whole = known.fold(locked, |sum, pages| sum.saturating_add(*pages));
    let bytes = locked.checked_mul(kill.shortage.page_size_bytes?)?;
    let of_total = system.total_bytes.is_some_and(|total| is_share(bytes, total, LOCKED_PERCENT));
    (of_total || is_share(locked, whole, HALF_PERCENT)).then_some(bytes)
}

fn unlock(kill: &OomKill) -> Option<String> {
    let bytes = locked(kill)?;
    Some(format!(
        "find out what is locked in memory (mlock, ramfs, a driver): {} can be neither swapped out nor \
         reclaimed",
        Size(bytes)
    ))
}

fn limit(kill: &OomKill) -> Option<String> {
    let hit = Hit::new(kill)?;
    hit.max().filter(|max| *max >= TINY_BYTES)?;
    Some(format!("or raise {}: until then, allocations in it fail or hang", hit.knob()))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{candidate, candidates, limit_at, of_a_service, of_the_machine};
    use super::*;
    use crate::incident::model::Victim;

    fn spared_pod() -> OomKill {
        let mut kill = of_a_service();
        kill.victim = Victim::default();
        limit_at(&mut kill, "/machine.slice/a.slice");
        let never = |pid, held| Candidate {
            comm: Some("stress".into()),
            oom_score_adj: Some(OOM_SCORE_ADJ_MIN),
            badness: None,
            ..candidate(pid, held)
        };
        let all = [never(8, 300), never(9, 200)];
        kill.candidates = Some(candidates(&all));
        kill.census = Census::of(&all).map(Into::into);
        kill
    }

    #[test]
    fn a_cgroup_whose_processes_may_not_be_killed() {
        let Why { summary, hints } = explain(&spared_pod(), false).unwrap();
        assert_eq!(
            summary,
            "a.slice hit its memory limit of 512.0 MiB; both processes in it have an oom_score_adj of \
             -1000"
        );
        assert_eq!(
            hints,
            [
                "raise the oom_score_adj of stress (pid 8) from -1000, or find out who set it: it held \
                 300.0 MiB and may not be killed",
                "or raise MemoryMax= of a.slice: until then, allocations in it fail or hang",
            ]
        );
    }

    #[test]
    fn a_limit_under_which_nothing_runs() {
        let mut kill = spared_pod();
        (kill.candidates, kill.census) = (None, None);
        kill.shortage.limit.as_mut().unwrap().max_bytes = Some(0);
        let Why { summary: _, hints } = explain(&kill, false).unwrap();
        let raise = "raise MemoryMax= of a.slice: nothing can run with a limit of 0 B";
        assert_eq!(hints, [raise]);
    }

    #[test]
    fn a_panic_tells_of_what_is_locked_and_of_what_is_set() {
        let mut kill = of_the_machine();
        kill.victim = Victim::default();
        let system = kill.system.as_mut().unwrap();
        system.counters = Some([("unevictable".to_owned(), 2 << 20)].into());
        let Why { summary, hints } = explain(&kill, false).unwrap();
        assert!(summary.ends_with("; 8.0 GiB of memory is unevictable"), "{summary}");
        assert!(hints[0].starts_with("find out what is locked in memory"), "{hints:?}");
        let Why { hints, .. } = explain(&kill, true).unwrap();
        assert!(hints[0].starts_with("set vm.panic_on_oom to 0"), "{hints:?}");
    }
}
