//! The whole of it: one sentence for each shape of a kill.

mod random;

use super::testdata::{
    GIB, MIB, at, candidate, candidates, held, in_pod, limit_at, of_a_service, of_nodes,
    of_the_machine, unknown,
};
use super::*;
use crate::incident::model::{LimitEvents, Outcome, Scope, Sharer, Shortage, Source, System, Zone};

fn summary(kill: &OomKill) -> String {
    explain(kill).unwrap().summary
}

#[test]
fn a_container_hit_its_own_limit() {
    let mut kill = in_pod();
    kill.system = Some(
        System { available_bytes: Some(3 * GIB), total_bytes: Some(16 * GIB), ..System::default() }
            .into(),
    );
    assert_eq!(
        summary(&kill),
        "container web in pod shop/cart-0 hit its memory limit of 512.0 MiB; python3 held 492.0 MiB \
         of it (96%) as anonymous memory; the machine was not short: 3.0 GiB available"
    );
}

#[test]
fn a_service_is_below_a_slice_that_is_full() {
    let mut kill = of_a_service();
    limit_at(&mut kill, "/system.slice");
    held(&mut kill, 100);
    kill.victim.memory.file_rss_bytes = Some(50 * MIB);
    let events = LimitEvents { oom_kill: Some(12), ..LimitEvents::default() };
    kill.shortage.limit.as_mut().unwrap().events = Some(events);
    assert_eq!(
        summary(&kill),
        "system.slice (an ancestor of app.service) hit its memory limit of 512.0 MiB; python3 held \
         100.0 MiB of it (20%) as anonymous memory; 12 processes had already been OOM-killed in it \
         or below it"
    );
}

#[test]
fn a_limit_was_lowered() {
    let mut kill = of_a_service();
    kill.shortage.limit.as_mut().unwrap().usage_bytes = Some(768 * MIB);
    kill.shortage.stack =
        Some(vec!["out_of_memory+0x1/0x2".into(), "memory_max_write+0x1/0x2".into()]);
    kill.shortage.trigger.as_mut().unwrap().pid = Some(1);
    kill.shortage.trigger.as_mut().unwrap().comm = Some("systemd".into());
    assert!(summary(&kill).starts_with(
        "the memory limit of app.service was lowered by systemd (pid 1) to 512.0 MiB, below the \
         768.0 MiB in use; python3 held 492.0 MiB of it (64%)"
    ));
}

#[test]
fn the_machine_ran_out() {
    let mut kill = of_the_machine();
    let system = kill.system.as_mut().unwrap();
    (system.swap_total_bytes, system.swap_free_bytes) = (Some(GIB), Some(0));
    assert_eq!(
        summary(&kill),
        "the machine ran out of memory: 120.0 MiB of 16.0 GiB free, swap full; java held 9.9 GiB \
         (62% of memory), all anonymous memory"
    );
    kill.system = None;
    assert_eq!(
        summary(&kill),
        "the machine ran out of memory; java held 9.9 GiB, all anonymous memory"
    );
}

/// What is free is of another zone, or in pieces too small.
#[test]
fn a_machine_with_free_memory_did_not_run_out_of_it() {
    let mut kill = of_the_machine();
    kill.system.as_mut().unwrap().free_bytes = Some(12 * GIB);
    let trigger = kill.shortage.trigger.as_mut().unwrap();
    trigger.gfp_flags = Some(vec!["GFP_KERNEL".into()]);
    assert_eq!(
        summary(&kill),
        "the kernel found no page for a GFP_KERNEL allocation, although 12.0 GiB of 16.0 GiB was free; \
         java held 9.9 GiB (62% of memory), all anonymous memory"
    );
    kill.shortage.trigger.as_mut().unwrap().order = Some(3);
    let mut unknown = kill.clone();
    unknown.system = None;
    assert!(
        summary(&unknown)
            .starts_with("the kernel found no contiguous block of 32.0 KiB (order 3); ")
    );
    assert!(summary(&kill).starts_with(
        "the kernel found no contiguous block of 32.0 KiB (order 3), although 12.0 GiB of 16.0 GiB"
    ));
    let hints = explain(&kill).unwrap().hints;
    assert!(hints[0].contains("/proc/buddyinfo") && !hints.concat().contains("swap"), "{hints:?}");
    let mut bound = of_nodes(Scope::Cpuset);
    bound.system.as_mut().unwrap().nodes.as_mut().unwrap()[0].free_bytes = Some(7 * GIB);
    let text = summary(&bound);
    let on = "an allocation on node 0, the only node that cpuset batch allows, although 7.0 GiB of";
    assert!(text.contains(on), "{text}");
}

/// A log that lacks the machine's size has the zones' watermarks.
#[test]
fn free_memory_is_held_against_watermarks() {
    let mut kill = of_the_machine();
    kill.shortage.trigger.as_mut().unwrap().order = Some(3);
    let system = kill.system.as_mut().unwrap();
    (system.total_bytes, system.free_bytes) = (None, Some(175 * MIB));
    assert!(summary(&kill).starts_with("the machine ran out of memory: 175.0 MiB free"));
    let zone = Zone { min_bytes: Some(11 * MIB), ..Zone::default() };
    kill.system.as_mut().unwrap().zones = Some(vec![zone]);
    assert!(summary(&kill).starts_with(
        "the kernel found no contiguous block of 32.0 KiB (order 3), although 175.0 MiB was free"
    ));
}

/// Files and shared memory may be charged to others, page tables are no part of what is resident.
#[test]
fn no_share_is_told_of_what_may_be_charged_elsewhere() {
    let mut kill = of_a_service();
    let with = |kill: &mut OomKill, anon: u64, file: u64, tables: u64| {
        let memory = &mut kill.victim.memory;
        memory.anon_rss_bytes = Some(anon * MIB);
        memory.file_rss_bytes = Some(file * MIB);
        memory.pgtables_bytes = Some(tables * MIB);
        let text = summary(kill);
        text.split_once("; ").unwrap().1.to_owned()
    };
    assert_eq!(
        with(&mut kill, 50, 400, 0),
        "python3 held 450.0 MiB, mostly mapped files, which may be charged to another cgroup"
    );
    assert_eq!(with(&mut kill, 1, 5, 500), "the page tables of python3 took 500.0 MiB");
    assert_eq!(
        with(&mut kill, 500, 100, 0),
        "python3 held 500.0 MiB of it (98%) as anonymous memory; its RSS of 600.0 MiB includes \
         shared pages charged to other cgroups"
    );
    assert_eq!(
        with(&mut kill, 600, 100, 0),
        "python3 held 700.0 MiB, some of it shared pages charged to other cgroups"
    );
    assert_eq!(
        with(&mut kill, 100, 500, 0),
        "python3 held 600.0 MiB, some of it shared pages charged to other cgroups"
    );
    assert_eq!(with(&mut kill, 514, 0, 0), "python3 held almost all of it as anonymous memory");
}

#[test]
fn a_hook_that_does_not_see_the_limit_says_where_it_may_be() {
    let mut kill = of_a_service();
    kill.shortage.limit = None;
    assert!(
        summary(&kill).starts_with("app.service, or a cgroup above it, hit its memory limit; ")
    );
}

#[test]
fn a_line_of_a_log_alone_says_what_it_can() {
    let mut kill = of_the_machine();
    (kill.shortage, kill.system) = (Shortage::default().into(), None);
    kill.message = Some("Out of memory".into());
    kill.source = Source::KernelLog;
    let text = summary(&kill);
    kill.shortage.scope = Some(Scope::Global);
    assert_eq!(summary(&kill), text);
    assert_eq!(
        text,
        "most likely the machine ran out of memory (the log has only the line of the kill); java held \
         9.9 GiB, all anonymous memory"
    );
    // What EL7 prints.
    kill.victim.memory.shmem_rss_bytes = None;
    assert!(summary(&kill).contains("java held 9.9 GiB"));
    kill.shortage.scope = Some(Scope::Memcg);
    kill.message = Some("Memory cgroup out of memory".into());
    assert!(summary(&kill).starts_with("a memory cgroup hit its limit; java held"));
}

#[test]
fn a_reading_that_came_late_says_so() {
    let mut kill = of_the_machine();
    let mut taken = |ms| {
        kill.system.as_mut().unwrap().taken_after_ms = Some(ms);
        summary(&kill)
    };
    assert!(taken(3).contains("16.0 GiB free; "));
    assert!(taken(350).contains("16.0 GiB free (350 ms later); "));
}

#[test]
fn some_nodes_ran_out() {
    let cpuset = summary(&of_nodes(Scope::Cpuset));
    assert!(cpuset.starts_with(
        "node 0, the only node that cpuset batch allows, ran out of memory: 12.0 MiB of 8.0 GiB \
         free; java held 9.9 GiB"
    ));
    let policy = summary(&of_nodes(Scope::Mempolicy));
    let only = "node 0, the only node that the memory policy of java allows, ran out of memory";
    assert!(policy.starts_with(only), "{policy}");
}

#[test]
fn nobody_ran_out() {
    let mut kill = of_the_machine();
    kill.shortage.scope = Some(Scope::Sysrq);
    kill.shortage.trigger.as_mut().unwrap().pid = Some(99);
    assert_eq!(
        summary(&kill),
        "the OOM killer was triggered manually (SysRq-F); java held 9.9 GiB (62% of memory), all \
         anonymous memory; the machine had 120.0 MiB free"
    );
}

#[test]
fn what_became_of_it_is_told() {
    let mut kill = unknown();
    kill.victim.comm = Some("a b".into());
    kill.outcome = Some(Outcome::AlreadyExiting);
    let text = "'a b' was already exiting, so nothing was killed";
    assert_eq!(summary(&kill), text);
    kill.outcome = Some(Outcome::Killed);
    assert_eq!(explain(&kill), None);
    (kill.group, kill.victim_count) = (Some("/web".into()), 4);
    assert_eq!(summary(&kill), "4 processes of /web were killed together (memory.oom.group)");
}

#[test]
fn of_the_victim_alone_there_is_no_more_to_say() {
    let mut kill = unknown();
    assert_eq!(explain(&kill), None);
    held(&mut kill, 100);
    assert_eq!(explain(&kill), None);
    kill.victim.shares_mm = Some(vec![Sharer { pid: 9, comm: None }]);
    assert_eq!(summary(&kill), "the victim held 100.0 MiB, all anonymous memory");
}

#[test]
fn there_are_three_hints_at_the_most_and_the_nearest_first() {
    let mut kill = of_a_service();
    kill.candidates = Some(candidates(&[candidate(7, 492)]));
    kill.system = Some(System { swap_total_bytes: Some(0), ..System::default() }.into());
    kill.victim.shares_mm = Some(vec![Sharer { pid: 9, comm: None }]);
    (kill.group, kill.victim_count) = (Some("/web".into()), 4);
    let hints = explain(&kill).unwrap().hints;
    let starts: Vec<_> = hints.iter().map(|hint| hint.get(..10).unwrap()).collect();
    assert_eq!(starts, ["raise Memo", "add swap o", "unset memo"]);
}

#[test]
fn names_keep_to_their_place() {
    let mut kill = of_a_service();
    kill.victim.comm = Some("x; the\n\x1b[31m".into());
    kill.victim.unit = None;
    at(&mut kill, "/a\u{202e}b");
    limit_at(&mut kill, "/a\u{202e}b");
    let text = summary(&kill);
    assert!(text.starts_with(r#"cgroup "/a\u{202e}b" hit its memory limit"#), "{text}");
    assert!(text.contains(r#"; "x; the\n\x1b[31m" held 492.0 MiB of it"#), "{text}");
}
