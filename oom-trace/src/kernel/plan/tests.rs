use super::super::facts::Known;
use super::super::testdata;
use super::*;
use crate::release::Release;

/// Those that need facts.
const PROGRAMS: [Rung; 3] = [Rung::Kprobe, Rung::Fentry, Rung::Tracepoint];

fn capable_with(btf: &[u8], text: &str) -> Facts {
    let release = Release::new(text);
    let known = Known::find(btf, release.version()).unwrap();
    Facts {
        known,
        names_frames: true,
        release,
        kprobes: true,
        perf_event_paranoid: 3,
        lockdown: None,
        capabilities: CapabilitySet::all(),
        possible_cpus: 4,
        possible_nodes: 1,
    }
}

fn capable() -> Facts {
    capable_with(&testdata::btf("6.12"), "6.12.107")
}

fn best(facts: &Facts) -> Plan {
    plan(facts, &PROGRAMS, &[]).unwrap()
}

#[test]
fn a_capable_machine_lacks_nothing() {
    for (kernel, _) in testdata::KERNELS {
        let plan = best(&capable_with(&testdata::btf(kernel), kernel));
        let (missing, refused) = (vec![], vec![]);
        let hooks = Rung::Kprobe.hooks().to_vec();
        assert_eq!(plan, Plan { rung: Rung::Kprobe, hooks, missing, refused }, "{kernel}");
    }
}

#[test]
fn without_kprobes_it_is_fentry() {
    let plan = best(&Facts { kprobes: false, ..capable() });
    assert_eq!(plan.rung, Rung::Fentry);
    assert!(plan.missing.is_empty());
    assert_eq!(plan.refused.len(), 1);
    assert!(plan.refused[0].reason.contains("no kprobes"), "{plan:?}");
}

#[test]
fn without_cap_sys_admin_a_strict_perf_event_paranoid_means_fentry() {
    let capabilities = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let strict = Facts { capabilities, ..capable() };
    assert_eq!(best(&strict).rung, Rung::Fentry);
    assert_eq!(best(&Facts { perf_event_paranoid: 2, ..strict }).rung, Rung::Kprobe);
}

#[test]
fn a_rung_that_was_turned_down_is_not_tried_again() {
    let refused = Refused { rung: Rung::Kprobe, reason: "seccomp".to_owned() };
    let plan = plan(&capable(), &PROGRAMS, std::slice::from_ref(&refused)).unwrap();
    assert_eq!(plan.rung, Rung::Fentry);
    assert_eq!(plan.refused, [refused]);
}

#[test]
fn without_a_function_only_the_tracepoint_is_left_and_says_what_it_lacks() {
    let btf = testdata::btf_without("6.12", "__oom_kill_process");
    let plan = best(&capable_with(&btf, "6.12"));
    assert_eq!(plan.rung, Rung::Tracepoint);
    assert!(plan.refused.iter().all(|it| it.reason.contains("no function __oom_kill_process")));
    let fields: Vec<_> = plan.missing.iter().map(|missing| missing.field).collect();
    assert!(fields.contains(&"trigger.gfp_mask"), "{fields:?}");
    assert!(!fields.contains(&"victim"), "{fields:?}");
}

#[test]
fn the_tracepoint_of_an_old_kernel_tells_a_thread_id_only() {
    let facts = Facts { kprobes: false, ..capable_with(&testdata::btf("5.10"), "5.10.223") };
    assert_eq!(facts.known.mark_victim, MarkVictim::ThreadId);
    let plan = plan(&facts, &[Rung::Tracepoint], &[]).unwrap();
    assert!(plan.missing.iter().any(|missing| missing.field == "victim"));
}

/// Where the log can be read, what it has of a kill is not always missing.
#[test]
fn the_log_beside_the_hooks_has_some_of_what_they_do_not_tell() {
    let facts = Facts { kprobes: false, ..capable_with(&testdata::btf("5.10"), "5.10.223") };
    let alone = plan(&facts, &[Rung::Tracepoint], &[]).unwrap();
    let beside = alone.clone().with_log();
    let reason = |plan: &Plan, field: &str| {
        plan.missing.iter().find(|missing| missing.field == field).unwrap().reason.clone()
    };
    for logged in ["limit", "candidates", "chosen", "trigger.order", "victim"] {
        let (alone, beside) = (reason(&alone, logged), reason(&beside, logged));
        assert!(beside.starts_with(&alone) && beside.contains("kernel's own dump"), "{beside}");
    }
    for hooked in ["victim.badness", "victim.shares_mm", "group", "oom_failed"] {
        assert_eq!(reason(&alone, hooked), reason(&beside, hooked));
    }
}

#[test]
fn a_member_taken_away_degrades_by_its_keys_alone() {
    let plan = best(&capable_with(&testdata::btf_without("6.12", "pgtables_bytes"), "6.12"));
    assert_eq!(plan.rung, Rung::Kprobe);
    let fields: Vec<_> = plan.missing.iter().map(|missing| missing.field).collect();
    assert_eq!(fields, ["victim.memory.pgtables_bytes"]);
}

#[test]
fn a_hook_taken_away_degrades_by_what_it_gives_alone() {
    let gives = [
        ("mem_cgroup_print_oom_group", &["group"][..]),
        ("dump_header", &["oom_panic", "oom_failed"]),
    ];
    for (function, fields) in gives {
        let plan = best(&capable_with(&testdata::btf_without("6.12", function), "6.12"));
        assert_eq!(plan.rung, Rung::Kprobe);
        assert!(plan.hooks.iter().all(|hook| hook.target != function));
        let missing: Vec<_> = plan.missing.iter().map(|missing| missing.field).collect();
        assert_eq!(missing, fields);
        let reason = format!("this kernel has no function {function} to hook");
        assert!(plan.missing.iter().all(|missing| missing.reason == reason), "{plan:?}");
    }
}

#[test]
fn without_a_hook_that_is_for_exactness_nothing_is_lacking() {
    let btf = testdata::btf_without("6.12", "mem_cgroup_print_oom_meminfo");
    let plan = best(&capable_with(&btf, "6.12"));
    assert!(plan.hooks.iter().all(|hook| hook.target != "mem_cgroup_print_oom_meminfo"));
    assert_eq!((plan.rung, plan.missing), (Rung::Kprobe, vec![]));
}

#[test]
fn without_names_for_addresses_there_is_no_stack() {
    let hidden = Facts { names_frames: false, ..capable() };
    let fields = |rung| {
        let plan = plan(&hidden, &[rung], &[]).unwrap();
        plan.missing.into_iter().map(|missing| missing.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(Rung::Kprobe), ["stack"]);
    let fields = fields(Rung::Tracepoint);
    assert!(["stack", "outcome", "scope"].iter().all(|field| fields.contains(field)));
}

#[test]
fn without_the_tracepoint_there_is_no_net() {
    let btf = testdata::btf_without("6.12", "btf_trace_mark_victim");
    let facts = capable_with(&btf, "6.12");
    assert!(!best(&facts).hooks.contains(&Hook::MARK_VICTIM));
    let error = plan(&facts, &[Rung::Tracepoint], &[]).unwrap_err();
    assert!(error.to_string().contains("no tracepoint oom/mark_victim"), "{error}");
}

#[test]
fn what_makes_it_impossible_is_named() {
    let nothing = Facts { capabilities: CapabilitySet::empty(), ..capable() };
    let error = plan(&nothing, &PROGRAMS, &[]).unwrap_err().to_string();
    assert!(error.contains("CAP_BPF and CAP_PERFMON missing"), "{error}");

    let locked = Facts { lockdown: Some("confidentiality".to_owned()), ..capable() };
    let error = plan(&locked, &PROGRAMS, &[]).unwrap_err().to_string();
    assert!(error.contains("locked down (confidentiality)"), "{error}");
    let integrity = Facts { lockdown: Some("integrity".to_owned()), ..capable() };
    assert_eq!(best(&integrity).rung, Rung::Kprobe);

    let blind = capable_with(&testdata::btf_without("6.12", "tgid"), "6.12");
    let error = plan(&blind, &PROGRAMS, &[]).unwrap_err().to_string();
    assert!(error.contains("task_struct.tgid"), "{error}");
}

/// What must be attached before what, by the programs' names without how they are attached.
const BEFORE: [(&str, &str); 12] = [
    ("exit_mmap", "mark_victim"),
    ("exit_oom_victim", "mark_victim"),
    ("finish_task_reaping", "mark_victim"),
    ("mark_victim", "mark_oom_victim"),
    ("kill_process", "mark_oom_victim"),
    ("mark_oom_victim", "oom_kill_process"),
    ("signal_generate", "mark_oom_victim"),
    ("print_oom_group", "oom_kill_process"),
    ("print_oom_meminfo", "oom_kill_process"),
    ("oom_evaluate_task", "out_of_memory"),
    ("out_of_memory", "oom_kill_process"),
    ("oom_kill_process", "dump_header"),
];

#[test]
fn a_kill_that_any_hook_sees_finds_what_it_needs() {
    for rung in [Rung::Kprobe, Rung::Fentry] {
        let programs: Vec<_> = rung.hooks().iter().map(|hook| hook.program).collect();
        let place = |name: &str, ways: &[&str]| {
            let is = |program: &&str| ways.iter().any(|way| *program == format!("{name}_{way}"));
            programs.iter().position(is).unwrap_or_else(|| panic!("no {name}"))
        };
        // An fexit program that is alone on its function counts as its only hook.
        let only = ["kprobe", "fentry", "raw"];
        let any = ["kprobe", "fentry", "raw", "fexit"];
        for (first, then) in BEFORE {
            let ways = if first == "exit_mmap" { &any[..] } else { &only };
            assert!(place(first, ways) < place(then, &only), "{rung}: {first}, {then}");
        }
        let (entry, end) =
            (place("oom_kill_process", &only), place("oom_kill_process", &["fexit"]));
        assert!(end < entry, "{rung}");
    }
}
