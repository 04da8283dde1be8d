//! The kernel's own lines, taken apart by a parser that shares nothing with the renderer, must
//! come back byte for byte. `golden/kernel.log` holds lines that kernels from 5.10 to 7.3 logged.

use super::{Format, Style, fixtures, render};
use crate::incident::model::{
    Chosen, Limit, OomKill, Outcome, Record, Scope, Shortage, Trigger, Victim,
};

/// What stands between `before` and `after`.
fn between<'a>(line: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = line.split_once(before).unwrap();
    rest.split_once(after).map_or(rest, |(value, _)| value)
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(line: &str, before: &str, after: &str) -> T {
    between(line, before, after).parse().unwrap()
}

fn parse(header: &str, summary: &str, kills: &[&str]) -> Vec<OomKill> {
    let constraint = match between(summary, "constraint=", ",") {
        "CONSTRAINT_NONE" => "CONSTRAINT_NONE",
        "CONSTRAINT_MEMCG" => "CONSTRAINT_MEMCG",
        other => panic!("{other} is in no log"),
    };
    let trigger = Trigger {
        pid: Some(1),
        tid: Some(1),
        comm: header.split_once(" invoked").map(|(comm, _)| comm.into()),
        uid: None,
        oom_score_adj: Some(number(header, "oom_score_adj=", "\n")),
        gfp_mask: Some(between(header, "gfp_mask=", "(").into()),
        gfp_flags: Some(between(header, "(", ")").split('|').map(String::from).collect()),
        order: Some(number(header, "order=", ",")),
        user_pc: None,
        cgroup: None,
        cpuset: Some(between(summary, "cpuset=", ",").into()),
        mems_allowed: Some(between(summary, "mems_allowed=", ",").into()),
    };
    let chosen = Chosen {
        tid: number(summary, ",pid=", ","),
        comm: Some(between(summary, ",task=", ",").into()),
        score: None,
        uid: Some(number(summary, ",uid=", "\n")),
        cgroup: Some(between(summary, "task_memcg=", ",").into()),
    };
    let limit: Option<Limit> = summary
        .contains("oom_memcg=")
        .then(|| fixtures::limit(between(summary, "oom_memcg=", ",")));
    let mut records: Vec<OomKill> = Vec::new();
    for line in kills {
        let tid = number(line, "Killed process ", " ");
        let memory = ["total-vm:", "anon-rss:", "file-rss:", "shmem-rss:", "pgtables:"];
        let [vm, anon, file, shmem, tables] = memory.map(|key| number(line, key, "kB"));
        let logged = fixtures::memory([vm, anon, file, shmem, 0, tables]);
        if let Some(known) = records.iter_mut().find(|record| record.victim.tid == tid) {
            known.victim.memory_logged.push(logged);
            continue;
        }
        records.push(OomKill {
            shortage: Shortage {
                scope: Some(if limit.is_some() { Scope::Memcg } else { Scope::Global }),
                constraint: Some(constraint.into()),
                trigger: Some(trigger.clone()),
                limit: limit.clone(),
                ..Shortage::default()
            }
            .into(),
            outcome: Some(Outcome::Killed),
            victim_index: u32::try_from(records.len()).unwrap() + 1,
            chosen: Some(chosen.clone()),
            victim: Victim {
                comm: Some(between(line, "(", ")").into()),
                uid: Some(number(line, "UID:", " ")),
                oom_score_adj: Some(number(line, "oom_score_adj:", "\n")),
                memory_logged: vec![logged],
                ..fixtures::victim(tid)
            },
            ..fixtures::unknown()
        });
    }
    records
}

fn kernel(kill: OomKill) -> String {
    let mut out = Vec::new();
    let record = Record::OomKill(Box::new(kill));
    render(&record, Format::Kernel, Style::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_kernels_logged_comes_back_byte_for_byte() {
    let mut incidents = 0;
    for logged in include_str!("golden/kernel.log").split("# ").skip(1) {
        let (title, logged) = logged.split_once('\n').unwrap();
        let lines: Vec<&str> = logged.lines().collect();
        let [header, summary, kills @ ..] = lines.as_slice() else { panic!("{title}") };
        let records = parse(header, summary, kills);
        assert_eq!(records.into_iter().map(kernel).collect::<String>(), logged, "{title}");
        incidents += 1;
    }
    assert_eq!(incidents, 15);
}

/// The kernel's own message and what is guessed for want of it.
#[test]
fn the_message_is_the_kernels_and_else_follows_the_scope() {
    let [kill] = parse(
        "a invoked oom-killer: gfp_mask=0x0(), order=-1, oom_score_adj=-1000",
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
         task_memcg=/,task=a,pid=1,uid=0",
        &["Out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:0kB, file-rss:0kB, \
           shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0"],
    )
    .try_into()
    .unwrap();
    let last = |kill: &OomKill| kernel(kill.clone()).lines().last().unwrap().to_owned();
    assert!(last(&kill).starts_with("Out of memory: Killed process 1 (a) "));
    let shortage = Shortage { scope: None, ..kill.shortage.clone().into_inner() }.into();
    let by_hand = OomKill { shortage, ..kill.clone() };
    assert!(last(&by_hand).starts_with("Out of memory: Killed"));
    let message = Some("Out of memory (oom_kill_allocating_task)".into());
    let allocating = OomKill { message, ..kill.clone() };
    assert!(last(&allocating).starts_with("Out of memory (oom_kill_allocating_task): Killed"));
}

/// `%d` of a uid above 2^31, and a bound allocation.
#[test]
fn a_large_uid_is_negative_where_the_kernel_says_so() {
    let Some((_, Record::OomKill(kill))) =
        fixtures::all().into_iter().find(|(name, _)| *name == "everything")
    else {
        panic!("the fixture is gone")
    };
    let mut kill = *kill;
    kill.chosen = kill.chosen.map(|chosen| Chosen { uid: Some(u32::MAX - 1), ..chosen });
    let text = kernel(kill);
    let summary = text.lines().find(|line| line.starts_with("oom-kill:")).unwrap();
    assert!(summary.contains(",nodemask=0-1,"), "{summary}");
    assert!(summary.ends_with(",uid=-2"), "{summary}");
}
