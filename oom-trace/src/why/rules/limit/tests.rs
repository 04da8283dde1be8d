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
fn many_small_ones_fill_a_limit_together() {
    let mut kill = of_a_service();
    let small: Vec<_> = (7..17).map(|pid| candidate(pid, 48)).collect();
    kill.candidates = Some(candidates(&small));
    assert_eq!(crowd(&kill), None);
    held(&mut kill, 48);
    assert_eq!(
        crowd(&kill).unwrap(),
        "run fewer processes in app.service, or raise MemoryMax= of app.service: 10 processes share \
         its 512.0 MiB, of which python3 held only 48.0 MiB"
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
        "limit what else runs in system.slice, or raise MemoryMax= of system.slice: python3 held \
         only 100.0 MiB of its 512.0 MiB, and task9 in /system.slice/db.service held 300.0 MiB"
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
         shop/cart-0 held 492.0 MiB): the limit that was hit (512.0 MiB) is the node's, shared by \
         all these pods"
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
        "raise MemoryMax= of app.service if what runs in it needs more: python3 held only \
         100.0 MiB of its 512.0 MiB"
    );
    kill.candidates = Some(candidates(&[candidate(7, 100), candidate(8, 20)]));
    let hint = rest(&kill).unwrap();
    assert!(hint.ends_with("512.0 MiB; both processes held 120.0 MiB in total"), "{hint}");
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
    // Whoever copied it may have left out rows.
    kill.source = Source::KernelLog;
    let hint = of_its_own_by_share(&kill).unwrap();
    assert!(
        hint.ends_with("of the 9.9 GiB that the 2 processes in the log's table held"),
        "{hint}"
    );
    // The summary tells what is resident.
    kill.victim.memory.swap_bytes = Some(MIB << 10);
    let hint = of_its_own_by_share(&kill).unwrap();
    assert!(hint.contains("it held 10.9 GiB with swap, of the 10.9 GiB that"), "{hint}");
    kill.victim.memory.swap_bytes = None;
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
