//! The limit of a cgroup.

use super::super::advice::advice;
use super::super::facts::{
    all, everyone, held_at_least, is_global, is_share, larger, name, short_machine, weighed, who,
};
use super::super::hit::{Hit, Level, Of, is_lowered};
use super::super::place;
use super::super::shortage::{Block, Stuck};
use super::choice::{shielded, unkillable};
use super::together;
use crate::incident::model::{OomKill, Scope, Source};
use crate::quote::Quoted;
use crate::units::{Age, Size};

/// Whose processes hold half of a limit is full of processes, not of files or of the kernel's own.
const CROWD_PERCENT: u64 = 50;

/// A limit that was met so often is lived at, not met by chance.
const OFTEN: u64 = 100;

/// Nothing leaks a limit full in less than this.
const SUDDEN_MS: u64 = 1000;

/// Who holds half of a machine is what it is short for.
const MACHINE_PERCENT: u64 = 50;

pub(super) fn lowered(kill: &OomKill) -> Option<String> {
    let hit = Hit::new(kill).filter(|_| is_lowered(kill))?;
    let (usage, max) = (hit.limit.usage_bytes?, hit.limit.max_bytes?);
    (usage > max).then(|| {
        format!(
            "lower {} first, and wait until usage ({}) is below the new limit",
            hit.setting("memory.high", "MemoryHigh="),
            Size(usage)
        )
    })
}

/// The limit of all pods is the node's, not a setting of the pod that died.
pub(super) fn node(kill: &OomKill) -> Option<String> {
    let hit = met(kill).filter(|hit| matches!(hit.of, Of::Pods(_)))?;
    let victim = place::of(&kill.victim).unwrap_or_else(|| who(&kill.victim));
    Some(format!(
        "set or lower resources.limits.memory of the pods that use most ({victim} held {}): the limit \
         that was hit, {}, is the node's for all of them",
        Size(hit.held()?),
        Size(hit.max()?)
    ))
}

pub(super) fn most(kill: &OomKill) -> Option<String> {
    let hit = raisable(kill).filter(Hit::is_most)?;
    let (who, knob) = (who(&kill.victim), hit.knob());
    if advice(kill).is_some() {
        return Some(format!("or raise {knob}, if this is {who}'s normal footprint"));
    }
    let (max, held) = (hit.max()?, hit.held()?);
    let elsewhere = match held > max {
        true => format!(" (RSS {}, some of it charged elsewhere; limit {})", Size(held), Size(max)),
        false => String::new(),
    };
    if let Some(ms) = kill.victim.age_ms.filter(|ms| *ms < SUDDEN_MS) {
        return Some(format!(
            "raise {knob}, or look for one huge allocation: {who} filled the limit within {} of \
             starting{elsewhere}",
            Age(ms)
        ));
    }
    Some(format!(
        "raise {knob} if this is {who}'s normal footprint; otherwise suspect a leak in it{elsewhere}"
    ))
}

pub(super) fn crowd(kill: &OomKill) -> Option<String> {
    let hit = raisable(kill).filter(|hit| hit.level == Level::Own && !is_told_of_another(kill))?;
    // Then it is known which.
    together::crowd(kill).is_none().then_some(())?;
    let (max, held) = hit.less()?;
    let candidates = kill.candidates.as_ref().filter(|candidates| candidates.total > 2)?;
    is_share(held_at_least(kill)?, max, CROWD_PERCENT).then_some(())?;
    Some(format!(
        "run fewer processes in {}, or raise {}: {} share its {}, and {} held only {}",
        hit.name(),
        hit.knob(),
        candidates.total,
        Size(max),
        who(&kill.victim),
        Size(held)
    ))
}

pub(super) fn above(kill: &OomKill) -> Option<String> {
    let hit =
        raisable(kill).filter(|hit| hit.level == Level::Above && !is_told_of_another(kill))?;
    let (max, held) = hit.less()?;
    let other = larger(kill).and_then(|larger| {
        let cgroup = larger.cgroup.as_ref();
        let cgroup = cgroup
            .filter(|path| kill.victim.cgroup.as_ref().is_some_and(|own| own.path != **path))?;
        let (who, held) = (name(larger.comm.as_ref(), "a process"), larger.rss()?);
        Some(format!(", {who} in {} held {}", Quoted::from(cgroup), Size(held)))
    });
    Some(format!(
        "limit what else runs in {}, or raise {}: of its {}, {} held only {}{}",
        hit.name(),
        hit.knob(),
        Size(max),
        who(&kill.victim),
        Size(held),
        other.unwrap_or_default()
    ))
}

/// The victim held little of it, and nothing tells who held the rest.
pub(super) fn rest(kill: &OomKill) -> Option<String> {
    let is_one = |hit: &Hit<'_>| hit.level != Level::Above && !is_told_of_another(kill);
    let hit = raisable(kill).filter(is_one)?;
    (crowd(kill).is_none() && together::crowd(kill).is_none()).then_some(())?;
    let (max, held) = hit.less()?;
    let all = all(kill).filter(|all| all.processes > 1).and_then(|all| {
        Some(format!(", {} together {}", everyone(all.processes), Size(all.rss_bytes?)))
    });
    Some(format!(
        "raise {} if what runs in it needs more: of its {}, {} held only {}{}",
        hit.knob(),
        Size(max),
        who(&kill.victim),
        Size(held),
        all.unwrap_or_default()
    ))
}

/// One process took the machine, and the log does not tell how large that is.
pub(super) fn of_its_own_by_share(kill: &OomKill) -> Option<String> {
    let total = kill.system.as_ref().and_then(|system| system.total_bytes);
    if !is_global(kill) || total.is_some() || Block::new(kill).is_some() || advice(kill).is_some() {
        return None;
    }
    let all = all(kill).filter(|all| all.processes > 1)?;
    let (whole, held) = (all.held()?, weighed(&kill.victim.memory)?);
    is_share(held, whole, MACHINE_PERCENT).then_some(())?;
    Some(format!(
        "{}, or look for a leak in {}: it held {} of the {} that {} held",
        place::own_limit(&kill.victim),
        who(&kill.victim),
        Size(held),
        Size(whole.max(held)),
        everyone(all.processes)
    ))
}

/// One process took the machine: with a limit of its own only that is hit.
pub(super) fn of_its_own(kill: &OomKill) -> Option<String> {
    let total = short_machine(kill)?.total_bytes?;
    let held = kill.victim.memory.resident()?;
    if !is_share(held, total, MACHINE_PERCENT) || Stuck::of_the_machine(kill).is_some() {
        return None;
    }
    let knob = place::own_limit(&kill.victim);
    Some(format!(
        "{knob}, so that it cannot take the whole machine: {} held {} of {}",
        who(&kill.victim),
        Size(held),
        Size(total)
    ))
}

pub(super) fn throttle(kill: &OomKill) -> Option<String> {
    let hit =
        raisable(kill).filter(|hit| !hit.is_kubernetes() && hit.limit.high_bytes.is_none())?;
    // Where events are known, an unknown memory.high is none.
    hit.limit.events.filter(|events| events.high == Some(0))?;
    // Events are counted for the cgroups below as well, this is not.
    let count = hit.limit.failcnt.filter(|count| *count >= OFTEN)?;
    Some(format!(
        "set {} below the limit to slow it down and reclaim from it earlier: the limit was hit \
         {count} times",
        hit.setting("memory.high", "MemoryHigh=")
    ))
}

/// The kernel's log names the cgroup that a hook without `oom_control` does not see.
pub(super) fn unnamed(kill: &OomKill) -> Option<String> {
    let is_unnamed = kill.shortage.scope == Some(Scope::Memcg) && kill.shortage.limit.is_none();
    (is_unnamed && kill.source == Source::Tracepoint).then(|| {
        "look for oom_memcg= in the kernel's log (dmesg): it names the cgroup whose limit was hit, \
         which the tracepoint does not tell"
            .to_owned()
    })
}

/// Whether one that holds more is named already.
fn is_told_of_another(kill: &OomKill) -> bool {
    unkillable(kill).or_else(|| shielded(kill)).is_some()
}

/// The limit, if usage rose to it.
fn met(kill: &OomKill) -> Option<Hit<'_>> {
    Hit::new(kill).filter(|_| !is_lowered(kill))
}

/// One that is a setting of somebody's.
fn raisable(kill: &OomKill) -> Option<Hit<'_>> {
    met(kill).filter(|hit| !matches!(hit.of, Of::Pods(_)))
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{
        MIB, at, candidate, candidates, held, in_pod, limit_at, of_a_service, of_the_machine,
    };
    use super::*;
    use crate::incident::model::LimitEvents;

    #[test]
    fn who_fills_a_limit_needs_it_or_leaks() {
        let mut kill = of_a_service();
        assert_eq!(
            most(&kill).unwrap(),
            "raise MemoryMax= of app.service if this is python3's normal footprint; otherwise suspect \
             a leak in it"
        );
        held(&mut kill, 255);
        assert_eq!(most(&kill), None);
        let pod = most(&in_pod()).unwrap();
        assert!(pod.contains("resources.limits.memory of container web in pod shop/cart-0"));
    }

    #[test]
    fn who_fills_a_limit_at_once_does_not_leak() {
        let mut kill = of_a_service();
        kill.victim.age_ms = Some(26);
        assert_eq!(
            most(&kill).unwrap(),
            "raise MemoryMax= of app.service, or look for one huge allocation: python3 filled the limit \
             within 26 ms of starting"
        );
        kill.victim.age_ms = Some(1000);
        assert!(most(&kill).unwrap().contains("suspect a leak"));
    }

    #[test]
    fn many_small_ones_fill_a_limit_together() {
        let mut kill = of_a_service();
        let small: Vec<_> = (7..17).map(|pid| candidate(pid, 48)).collect();
        kill.candidates = Some(candidates(&small));
        assert_eq!(crowd(&kill), None);
        held(&mut kill, 48);
        assert_eq!(
            crowd(&kill).unwrap(),
            "run fewer processes in app.service, or raise MemoryMax= of app.service: 10 share its \
             512.0 MiB, and python3 held only 48.0 MiB"
        );
        kill.candidates = Some(candidates(&[candidate(7, 48), candidate(8, 48)]));
        assert_eq!(crowd(&kill), None);
    }

    #[test]
    fn a_limit_above_is_for_others_too() {
        let mut kill = of_a_service();
        held(&mut kill, 100);
        assert_eq!(above(&kill), None);
        limit_at(&mut kill, "/system.slice");
        let mut other = candidate(9, 300);
        other.cgroup = Some("/system.slice/db.service".into());
        kill.candidates = Some(candidates(&[candidate(7, 100), other]));
        assert_eq!(
            above(&kill).unwrap(),
            "limit what else runs in system.slice, or raise MemoryMax= of system.slice: of its \
             512.0 MiB, python3 held only 100.0 MiB, task9 in /system.slice/db.service held 300.0 MiB"
        );
        at(&mut kill, "/system.slice/db.service");
        assert!(!above(&kill).unwrap().contains("task9"));
        held(&mut kill, 300);
        assert_eq!(above(&kill), None);
    }

    #[test]
    fn a_limit_is_not_lowered_below_what_is_in_use() {
        let mut kill = of_a_service();
        kill.shortage.limit.as_mut().unwrap().usage_bytes = Some(768 * MIB);
        assert_eq!(lowered(&kill), None);
        kill.shortage.stack = Some(vec!["memory_max_write+0x1/0x2".into()]);
        assert!(lowered(&kill).unwrap().starts_with("lower MemoryHigh= of app.service first"));
        assert_eq!(most(&kill), None);
    }

    #[test]
    fn who_lives_at_the_limit_is_slowed_down_sooner() {
        let mut kill = of_a_service();
        let events = LimitEvents { high: Some(0), max: Some(300), ..LimitEvents::default() };
        let mut with = |events, failcnt, high| {
            let limit = kill.shortage.limit.as_mut().unwrap();
            (limit.events, limit.failcnt, limit.high_bytes) = (events, Some(failcnt), high);
            throttle(&kill)
        };
        assert!(with(Some(events), 300, None).unwrap().contains("MemoryHigh= of app.service"));
        // The others were of the limits below.
        assert_eq!(with(Some(events), 99, None), None);
        assert_eq!(with(Some(events), 300, Some(400 * MIB)), None);
        assert_eq!(with(None, 300, None), None);
    }

    #[test]
    fn more_than_the_limit_is_explained() {
        let mut kill = of_a_service();
        kill.victim.memory.shmem_rss_bytes = Some(53 * MIB);
        assert!(
            most(&kill)
                .unwrap()
                .contains("(RSS 545.0 MiB, some of it charged elsewhere; limit 512.0 MiB)")
        );
    }

    #[test]
    fn page_tables_are_no_leak_of_the_program() {
        let mut kill = of_a_service();
        held(&mut kill, 5);
        kill.victim.memory.pgtables_bytes = Some(500 * MIB);
        assert_eq!(most(&kill), None);
    }

    /// A program's files belong to whoever read them first.
    #[test]
    fn who_holds_files_that_others_may_be_charged_for_is_not_said_to_leak() {
        let mut kill = of_a_service();
        held(&mut kill, 50);
        kill.victim.memory.file_rss_bytes = Some(400 * MIB);
        assert_eq!(most(&kill), None);
    }

    #[test]
    fn the_limit_of_all_pods_is_not_the_pods() {
        let mut kill = in_pod();
        assert_eq!(node(&kill), None);
        limit_at(&mut kill, "/kubepods.slice");
        assert_eq!(
            node(&kill).unwrap(),
            "set or lower resources.limits.memory of the pods that use most (container web in pod \
             shop/cart-0 held 492.0 MiB): the limit that was hit, 512.0 MiB, is the node's for all of \
             them"
        );
        assert_eq!((most(&kill), crowd(&kill), above(&kill)), (None, None, None));
    }

    #[test]
    fn who_takes_the_machine_gets_a_limit_of_its_own() {
        let mut kill = of_the_machine();
        assert!(of_its_own(&kill).unwrap().starts_with("run it under a limit of its own"));
        kill.victim.unit = Some("app.service".into());
        assert_eq!(
            of_its_own(&kill).unwrap(),
            "set or lower MemoryMax= of app.service, so that it cannot take the whole machine: java \
             held 9.9 GiB of 16.0 GiB"
        );
        held(&mut kill, 1024);
        assert_eq!(of_its_own(&kill), None);
        let mut pod = in_pod();
        assert_eq!(of_its_own(&pod), None);
        (pod.shortage.scope, pod.shortage.limit) = (Some(Scope::Global), None);
        pod.system = of_the_machine().system;
        held(&mut pod, 10 * 1024);
        let knob = "set or lower resources.limits.memory of pod shop/cart-0";
        assert!(of_its_own(&pod).unwrap().starts_with(knob));
    }

    #[test]
    fn a_victim_that_held_little_leaves_less_to_say() {
        let mut kill = of_a_service();
        assert_eq!(rest(&kill), None);
        held(&mut kill, 100);
        assert_eq!(
            rest(&kill).unwrap(),
            "raise MemoryMax= of app.service if what runs in it needs more: of its 512.0 MiB, python3 \
             held only 100.0 MiB"
        );
        kill.candidates = Some(candidates(&[candidate(7, 100), candidate(8, 20)]));
        assert!(rest(&kill).unwrap().ends_with("100.0 MiB, both processes together 120.0 MiB"));
        limit_at(&mut kill, "/system.slice");
        assert_eq!(rest(&kill), None);
    }

    #[test]
    fn who_held_most_of_a_machine_of_unknown_size_is_told_of() {
        let mut kill = of_the_machine();
        kill.candidates = Some(candidates(&[candidate(7, 10_158), candidate(8, 20)]));
        assert_eq!(of_its_own_by_share(&kill), None);
        kill.system.as_mut().unwrap().total_bytes = None;
        let hint = of_its_own_by_share(&kill).unwrap();
        let held = "a leak in java: it held 9.9 GiB of the 9.9 GiB that both processes held";
        assert!(hint.ends_with(held), "{hint}");
        kill.candidates = Some(candidates(&[candidate(7, 10_158), candidate(8, 20_000)]));
        assert_eq!(of_its_own_by_share(&kill), None);
    }

    #[test]
    fn a_limit_that_the_hook_does_not_see_stands_in_the_log() {
        let mut kill = of_a_service();
        kill.source = Source::Tracepoint;
        assert_eq!(unnamed(&kill), None);
        kill.shortage.limit = None;
        assert!(unnamed(&kill).unwrap().contains("oom_memcg="));
        kill.source = Source::KernelLog;
        assert_eq!(unnamed(&kill), None);
    }
}
