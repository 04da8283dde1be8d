use clap::Parser as _;

use super::super::answer::Answer;
use super::*;
use crate::cli::{Cli, Command};
use crate::incident::model::AgentEvent::{Degraded, Started, Stopped};
use crate::incident::model::{Agent, Origin, Source};
use crate::ledger::Boot;
use crate::render::fixtures;

const HOUR: u64 = 3_600_000_000_000;

fn asked(since: &str) -> Question {
    let line = ["oom-trace", "verify", "--utc", "--cgroup", "/a", "--since", since];
    let Some(Command::Verify(args)) = Cli::try_parse_from(line).unwrap().command else { panic!() };
    Question::new(&args, Timestamp::now()).unwrap()
}

fn told_of(kills: u64, told: u64, told_since: u64) -> String {
    let question = asked("2026-03-01");
    let counter = Counter {
        cgroup: "/a".into(),
        file: "memory.events",
        has_those_below: true,
        since: "2026-03-01T06:00:00Z".parse().unwrap(),
        kills,
    };
    let mut evidence = Evidence::new(Ledger::new(Vec::new()), None, None, &question);
    evidence.cgroup = Some(InCgroup { counter, told, told_since });
    let mut text = Vec::new();
    Answer::new(&question, &evidence).text(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// What is known of a cgroup is told, and no more: kills may be of an older one of that name.
#[test]
fn a_count_that_is_no_proof_is_told_with_its_age() {
    const SINCE: &str = " since it was created";
    let when = "(at 2026-03-01 06:00:00 UTC or earlier)";
    let none = format!("  memory.events of /a has counted no kill{SINCE} {when}\n");
    assert!(told_of(0, 0, 0).contains(&none), "{}", told_of(0, 0, 0));
    let both =
        format!("  memory.events of /a has counted 2 kills{SINCE} {when}, and all are recorded\n");
    assert!(told_of(2, 2, 2).contains(&both), "{}", told_of(2, 2, 2));
    assert!(!told_of(2, 2, 0).contains(SINCE), "{}", told_of(2, 2, 0));
    assert!(!told_of(2, 1, 1).contains(SINCE), "{}", told_of(2, 1, 1));
}

/// The machine has slept, so the log does not tell when it was.
#[test]
fn what_a_start_found_in_the_log_was_before_it() {
    let boot = Boot::begun("b", "2026-03-01T00:00:00Z".parse().unwrap());
    let next = Boot::begun("c", "2026-03-01T12:00:00Z".parse().unwrap());
    let origin = |boot: &Boot, hour: u64, time: Option<Timestamp>| Origin {
        boot_id: Some(boot.id.clone()),
        boot_ns: Some(hour * HOUR),
        time,
        ..fixtures::unknown().origin
    };
    let agent_in = |boot: &Boot, event, hour| {
        let all = fixtures::all().into_iter();
        let mut agents = all.filter_map(|(_, record)| match record {
            Record::Agent(agent) => Some(agent),
            _ => None,
        });
        let agent = agents.next().unwrap();
        let origin = origin(boot, hour, Some(boot.wall(hour * HOUR)));
        Record::Agent(Agent { event, origin, ..*agent }.into())
    };
    let agent = |event, hour| agent_in(&boot, event, hour);
    let found = |backfilled| {
        let (source, outcome) = (Source::KernelLog, Some(Outcome::Killed));
        let origin = origin(&boot, 1, None);
        let kill = OomKill { origin, source, outcome, backfilled, ..fixtures::unknown() };
        Record::OomKill(Box::new(kill))
    };
    let doubtful = |since: &str, records: Vec<Record>| {
        let question = asked(since);
        let mut evidence =
            Evidence::new(Ledger::new(vec![boot.clone(), next.clone()]), None, None, &question);
        // Something is known of the boot's later hours as well.
        evidence.take(agent(Degraded, 10), &question);
        records.into_iter().for_each(|record| evidence.take(record, &question));
        evidence.doubtful.len()
    };
    for (since, records, expected) in [
        ("2026-03-01 04:30", vec![agent(Started, 4), found(true)], 0),
        ("2026-03-01 03:30", vec![agent(Started, 4), found(true)], 1),
        // The agent ran, and read it later.
        ("2026-03-01 04:30", vec![agent(Started, 4), found(false), agent(Stopped, 9)], 1),
        // Who has found it, the records do not tell.
        ("2026-03-01 04:30", vec![agent(Started, 4), agent(Stopped, 9), found(true)], 1),
        ("2026-03-01 04:30", vec![found(true), agent(Started, 9)], 1),
        // What is left of a boot that ended in a panic: the agent in it did not stop.
        ("2026-03-01 04:30", vec![agent(Started, 4), agent_in(&next, Started, 1), found(true)], 1),
    ] {
        let told = format!("{since}: {records:#?}");
        assert_eq!(doubtful(since, records), expected, "{told}");
    }
}

#[test]
fn a_cgroups_count_proves_what_came_since_it_is_there() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let of = |kills, told, told_since| {
        let counter = Counter {
            cgroup: "/a".into(),
            file: "memory.events",
            has_those_below: true,
            since: at(100),
            kills,
        };
        let cgroup = InCgroup { counter, told, told_since };
        (cgroup.missing(), cgroup.is_proven_since(at(100)), cgroup.is_proven_since(at(99)))
    };
    assert_eq!(of(0, 0, 0), (0, true, false));
    assert_eq!(of(2, 2, 2), (0, true, false));
    assert_eq!(of(2, 1, 1), (1, false, false));
    // One may be of an older cgroup of that name, or of before its age is known.
    assert_eq!(of(2, 2, 1), (0, false, false));
    assert_eq!(of(0, 2, 0), (0, true, false));
}
